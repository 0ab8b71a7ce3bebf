package container

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestWaitedFor(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 020011AC:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 2
   2: 00000000:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0 0 0 0 0 4
   1: 0000000000000000FFFF00000100007F:0050 00000000000000000000000000000000:0000 0A 0 0 0 0 0 5
   2: xyz:1 0 0A
`
	open := listening([]byte(table))
	if got := fmt.Sprint(open); got != "[0.0.0.0:5000 127.0.0.1:80 127.0.0.1:8080 [::1]:8080]" {
		t.Errorf("listening: %s", got)
	}
	for _, c := range []struct {
		open []netip.AddrPort
		err  error
		want string
	}{
		{open, nil, "own address 172.17.0.2; open are 0.0.0.0:5000, 127.0.0.1:80, 127.0.0.1:8080, [::1]:8080: " +
			"let the server listen on 0.0.0.0, a loopback"},
		{open[:1], nil, "open are 0.0.0.0:5000: let the server listen on 0.0.0.0 and the port that $PORT gives"},
		{nil, nil, "no port is open"},
		{nil, errors.New("permission denied"), "which ports are open cannot be read: permission denied"},
	} {
		if got := waitedFor("172.17.0.2:8080", c.open, c.err); !strings.Contains(got, c.want) {
			t.Errorf("%s; want %s", got, c.want)
		}
	}
}
