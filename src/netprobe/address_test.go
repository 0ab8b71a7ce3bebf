package netprobe

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest"
)

// TestFreeAddress: a program can listen at the address, and no connection or listener that asks for any port gets it
// before: Linux gives these ports from 32768 on, macOS from 49152.
func TestFreeAddress(t *testing.T) {
	address, err := relaytest.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().IsLoopback() || at.Port() >= 32768 {
		t.Errorf("address %s, %v", address, err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
