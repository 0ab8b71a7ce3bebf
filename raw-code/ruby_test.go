package rawcode_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestRubyLoadsItsHash: the hash of the run's token is loaded by require, which threads may do at once. Digest's own
// way, when a missing constant is named, fails now and then if two of an instance's first requests do it together.
func TestRubyLoadsItsHash(t *testing.T) {
	ruby := exec.CommandContext(t.Context(), "ruby", "-e", `
		require 'digest'
		def Digest.const_missing(name) = abort("#{name} is loaded where it is named")
		require './main.rb'
		begin
		  Measure.admit('wrong')
		rescue Measure::Refused => e
		  print e.status
		end`)
	ruby.Dir = "measure/ruby"
	ruby.Env = append(os.Environ(), "STELLAR_TOKEN_SHA256="+strings.Repeat("0", 64))
	if out, err := ruby.CombinedOutput(); err != nil || string(out) != "401" {
		t.Errorf("%s, error %v; want 401", out, err)
	}
}
