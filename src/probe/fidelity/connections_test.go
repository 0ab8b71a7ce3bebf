package fidelity

import (
	"fmt"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/probe"
)

func connectionScenes() []scene {
	const n, size = 6, 8
	var out []scene
	for _, c := range []struct {
		connections string
		secure      bool
		want        int // connections that the server accepts
	}{
		{probe.Reuse, false, size},
		{probe.Reuse, true, size},
		{probe.New, false, n * size},
		{probe.New, true, n * size},
	} {
		name := fmt.Sprintf("connections: %d bursts of %d, %s", n, size, c.connections)
		if c.secure {
			name += ", TLS"
		}
		out = append(out, scene{name, func(t *testing.T, _ *toxiproxy) []line {
			s := play(t, script{delays: steady(), secure: c.secure})
			pairs, wrong := match(observe(t, s, s.addr, bursts(n, size, c.connections)), s.requests())
			fresh := c.connections == probe.New
			v := judgeConnections(pairs, n*size, fresh, c.want, s.accepted())
			v.wrong = append(v.wrong, wrong...)
			if !v.good() {
				t.Error(v.String())
			}
			said := 0
			for _, p := range pairs {
				if p.row.NewConn {
					said++
				}
			}
			what := fmt.Sprintf("%d opened", s.accepted())
			return []line{
				{
					name,
					fmt.Sprintf("%d opened", c.want),
					what,
					fmt.Sprintf("%d rows say new", said),
					"exact",
					v.good(),
					"",
				},
			}
		}})
	}
	return out
}

// judgeConnections holds what rows say of their connections against those that the server saw.
func judgeConnections(pairs []pair, requests int, fresh bool, want, accepted int) verdict {
	var v verdict
	if len(pairs) != requests || accepted != want {
		v.wrongf("%d requests over %d connections, want %d over %d", len(pairs), accepted, requests, want)
	}
	type use struct{ conn, burst int }
	uses, conns := map[use]bool{}, map[int]int{}
	for _, p := range pairs {
		r, h := p.row, p.truth
		if r.NewConn != fresh || (r.Connect >= 0) != fresh || (r.DNS >= 0) != fresh {
			v.wrongf("burst %d, slot %d: NewConn %v, DNS %s, Connect %s", r.Burst, r.Slot, r.NewConn, r.DNS, r.Connect)
		}
		if u := (use{h.conn, r.Burst}); uses[u] {
			v.wrongf("burst %d had two requests on connection %d", r.Burst, h.conn)
		} else {
			uses[u] = true
		}
		conns[h.conn]++
	}
	for conn, n := range conns {
		if n > 1 && fresh {
			v.wrongf("connection %d was used %d times", conn, n)
		}
	}
	return v
}
