// Command fakecli stands for vendors' CLIs in tests: it passes its command to the test that started it, and prints what
// that answers. It is a program of its own because a test program takes five times as long to start.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// A command, and what is to be printed, as package cloud has them.
type (
	command struct {
		Program string
		Args    []string
		Dir     string
		Env     []string
	}
	done struct {
		Out, Err string
		Code     int
		Hang     bool
	}
)

const unanswered = 70 // exit code where the test does not answer

func main() {
	d, err := ask()
	if err != nil {
		fmt.Fprintln(os.Stderr, "the test does not answer:", err)
		os.Exit(unanswered)
	}
	fmt.Fprint(os.Stdout, d.Out)
	fmt.Fprint(os.Stderr, d.Err)
	if d.Hang {
		time.Sleep(time.Hour) // until it is killed
	}
	os.Exit(d.Code)
}

// ask passes the command to the socket in the folder of the programs.
func ask() (d done, err error) {
	dir, err := os.Getwd()
	if err != nil {
		return d, err
	}
	test, err := net.Dial("unix", filepath.Join(os.Getenv("STELLAR_TEST_TOOLS"), "socket"))
	if err != nil {
		return d, err
	}
	defer test.Close()
	c := command{Program: filepath.Base(os.Args[0]), Args: os.Args[1:], Dir: dir, Env: os.Environ()}
	if err := json.NewEncoder(test).Encode(c); err != nil {
		return d, err
	}
	return d, json.NewDecoder(test).Decode(&d)
}
