// Package probe sends bursts of requests on an arrival schedule and records what the client saw of each of them.
//
// It speaks HTTP/1.1, HTTP/2 and gRPC over its own sockets, so that every instant it stamps is one it caused. The
// requests of a burst are serialised and its kept connections are opened beforehand. On Linux, the kernel has the
// requests of large bursts by then, and holds them back (preload.go). One barrier releases all slots. One thread (up to
// four on large machines) writes the requests and reads the responses, and responses are interpreted once the whole
// burst has arrived. Redirects are not followed: a 3xx response is a response, with its status, its latency and a note.
// Proxies of the environment are ignored on purpose, because they would be measured in place of the platform.
//
// # Who calls what
//
// Run and Once make an engine, which makes the threads (loop), one connPool for each thread and target, and for each
// burst a burst with one slot for each request. The engine passes work on their slots to the loops with loop.do:
//
//	engine ── runClosed, runOpen, runLoad
//	  │         newBurst ─ burst.start ─ burst.hold ─ burst.await ─ recorder.record ─ Config.Sink
//	  ▼
//	loop ──── poller: which sockets have become readable or writable
//	  │ dispatch
//	  ▼
//	conn ──── resolve, connect, TLS handshake; bytes in and out
//	  │ opened, incoming, flushed, ended (interface user)
//	  ▼
//	slot      HTTP/1.1: one connection, one request at a time
//	mux       HTTP/2: one connection, many slots, one stream each
//
// A sustained load (Config.Load) has no bursts: each loop has a drive, which gives every request of its share a slot
// when its instant comes, and hands finished slots to the recorder.
//
// # The life of a slot
//
// One request goes through these states (type slotState):
//
//	         arm: nothing to open, or a kept connection is acquired
//	  ┌─────────────────────────────────────────────────┐
//	  │                                                 ▼
//	idle ── arm: a connection has to be opened ──▶ preparing ──▶ armed
//	                                                  │   ▲        │
//	                                                  │   └ renew ─┤ the server closed the connection, or it is old
//	                                                  │            │
//	                            release, still opening│            │ release
//	                                                  ▼            │
//	                                               opening ◀───────┤ the connection is not open
//	                                                  │  ▲         │
//	                          the connection is open  │  │ resend  │ the connection is open
//	                                                  ▼  │         │
//	                                                 sent ◀────────┘
//	                                                  │
//	                    complete, failed, timed out   ▼
//	                                               finished ── reset for a later burst ──▶ idle
//
// "preparing" lies before the release and in no latency. "opening" lies after it: the row says NewConn, and the phases
// hold what of the opening fell within the latency. A failure while preparing leads to armed with a class, and to
// finished at the release: it is the request's row and is not tried again. HTTP/2 alone goes from sent back to opening,
// once, where the server says that it has not processed the request. A slot of a burst that is called off, or whose
// time is over, goes to finished from any state.
//
// # Which thread owns what
//
// A loop is one goroutine locked to one thread. It owns its sockets and connections (conn, mux), its connPools and its
// drive, and a slot from burst.start until the slot is finished. They need no lock, because no other goroutine uses
// them; other goroutines pass work to a loop with loop.do. TLS handshakes and name lookups run on goroutines of their
// own and report back through loop.do; a gate lets as many handshakes compute at a time as there are processors. A loop
// keeps its Go processor while it reads and writes, and while it waits with all connections of a load in use: see
// ReserveProcessors. Afterwards the slot is the recorder's, until the engine gets it back for a later
// burst. Between the loops and the engine are only atomic counters (burst.unready, burst.left, burst.release) and
// channels. The hot path, from the release to the last response, allocates nothing, takes no lock and writes no file.
//
// # Nothing is written while a read is being parsed
//
// A write that fails shuts the connection and ends every stream on it. Responses that have arrived behind the frame at
// hand would be lost with it. So, while mux.incoming parses (mux.reading is set), nothing is written to the connection
// and it is not shut: frames to send wait in the batch, slots that need another connection wait in connPool.again, and
// a connection of no further use is closed at the end of the read. Everything that parsing can call must keep to this.
// conn.receive reads a socket to its end before it looks for armed slots that need another connection
// (conn.reassignIfDraining).
//
// # Leaves
//
// Packages that do not need bursts do not import this one: probe/schedule plans when requests are sent, probe/selfwatch
// detects latencies that the client may have caused, probe/answer reads what a function reports.
package probe
