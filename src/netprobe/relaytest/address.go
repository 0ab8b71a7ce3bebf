package relaytest

import (
	"math/rand/v2"
	"net"
	"strconv"
)

// FreeAddress is an address of the loopback interface at which nothing listens, for a program that is told where to
// listen. Its port is below those that systems give to connections and to listeners that ask for any port, so that none
// of these takes it before the program listens.
func FreeAddress() (string, error) {
	const lowest, ports, tries = 20000, 12000, 100
	var failed error
	for range tries {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+rand.IntN(ports))))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
		failed = err
	}
	return "", failed
}
