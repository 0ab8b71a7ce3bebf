package local

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/reportline"
)

// burst sends n requests at once and gives the replies.
func burst(t *testing.T, url string, n int) []reply {
	t.Helper()
	wait, replies := start(t, url, n, new(atomic.Int32))
	wait()
	return replies
}

// start sends n requests at once and counts the answered ones; the replies are there after wait.
func start(t *testing.T, url string, n int, answered *atomic.Int32) (wait func(), replies []reply) {
	t.Helper()
	replies = make([]reply, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			var err error
			if replies[i], err = send(http.MethodGet, url, nil); err != nil {
				t.Error(err)
			}
			answered.Add(1)
		})
	}
	return all.Wait, replies
}

// tally counts replies by status, their instances and their cold starts.
func tally(replies []reply) (status map[int]int, instances, cold int) {
	status, ids := map[int]int{}, map[string]bool{}
	for _, r := range replies {
		status[r.status]++
		if r.status == http.StatusOK {
			ids[r.ID] = true
			if r.Cold {
				cold++
			}
		}
	}
	return status, len(ids), cold
}

func TestQueueingModes(t *testing.T) {
	p, c := testPlatform(t, nil)
	for _, test := range []struct {
		name            string
		queueing        string
		concurrency     int
		maxInstances    int
		requests        int
		served          int // others get 429
		instances, cold int
	}{
		{"spawn starts one for each", client.QueueingSpawn, 1, 0, 5, 5, 5, 5},
		{"spawn refuses above the most", client.QueueingSpawn, 1, 2, 5, 2, 2, 2},
		{"queue without a most is spawn", client.QueueingQueue, 1, 0, 4, 4, 4, 4},
		{"queue waits", client.QueueingQueue, 1, 2, 6, 6, 2, 2},
		{"shared fills one instance", client.QueueingShared, 8, 0, 8, 8, 1, 1},
		{"shared starts the next when full", client.QueueingShared, 3, 0, 9, 9, 3, 3},
		{"shared waits at the most", client.QueueingShared, 2, 2, 8, 8, 2, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGate(t) // all requests are there before the first is served
			url := deployTo(t, c, func(f *client.FunctionSpec) {
				f.Queueing, f.Concurrency, f.MaxInstances = test.queueing, test.concurrency, test.maxInstances
				f.Environment = map[string]string{"INIT": "gate", "GATE": g.server.URL}
			})
			var answered atomic.Int32
			wait, replies := start(t, url+"?sleep=300", test.requests, &answered)
			eventually(t, "all requests have arrived",
				func() bool { return allHave(p)+int(answered.Load()) == test.requests })
			g.open()
			wait()
			status, instances, cold := tally(replies)
			if status[200] != test.served || status[429] != test.requests-test.served || instances != test.instances ||
				cold != test.cold {
				t.Errorf("status %v, %d instances, %d cold; want %d served by %d", status, instances, cold, test.served,
					test.instances)
			}
			for _, r := range replies {
				if r.status == 429 && r.header.Get("X-Stellar-Error") != kindThrottled {
					t.Errorf("refused as %q", r.header.Get("X-Stellar-Error"))
				}
			}
			checkTruth(t, c, replies, test.concurrency == 1)
		})
	}
}

// checkTruth compares what the functions said with the platform's log. Where an instance serves several requests at
// once, which of the first ones calls itself cold is settled inside the function.
func checkTruth(t *testing.T, c *client.Client, replies []reply, exact bool) {
	t.Helper()
	truth := map[string]reportline.Report{}
	for _, r := range reports(t, c) {
		truth[r.RequestID] = r
	}
	said, logged := 0, 0
	for _, r := range replies {
		if r.status != http.StatusOK {
			continue
		}
		rep, ok := truth[r.header.Get("X-Amzn-Requestid")]
		if !ok {
			t.Fatal("no REPORT line for an answered request")
		}
		if exact && rep.Cold != r.Cold {
			t.Errorf("request %s: the function says cold %v, the log %v", rep.RequestID, r.Cold, rep.Cold)
		}
		if r.Cold {
			said++
		}
		if rep.Cold {
			logged++
		}
		if rep.Duration < 250*time.Millisecond || rep.Duration > 30*time.Second {
			t.Errorf("duration %v", rep.Duration)
		}
	}
	if said != logged {
		t.Errorf("%d cold starts said, %d logged", said, logged)
	}
}

// queued is how many requests wait in the queues of service s.
func queued(p *Platform) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.services["s"].functions {
		f.mu.Lock()
		n += len(f.waiting)
		f.mu.Unlock()
	}
	return n
}

func TestQueueIsFirstComeFirstServed(t *testing.T) {
	p, c := testPlatform(t, nil)
	url := deployTo(t, c, func(f *client.FunctionSpec) { f.Queueing, f.MaxInstances = client.QueueingQueue, 1 })
	getOK(t, url)
	const n = 5
	g := newGate(t)
	var wait sync.WaitGroup
	order := make([]int, n)
	begun, most := time.Now(), time.Duration(0)
	for i := range n {
		wait.Go(func() {
			r, err := send(http.MethodGet, url+"?"+g.query(), nil)
			if err != nil {
				t.Error(err)
			}
			order[i] = r.N
		})
		// Arrivals in a known order: the first is served, each other is in the queue before the next comes.
		eventually(t, "it has arrived", func() bool { return allHave(p) == i+1 })
		if i == 0 {
			g.await(t, 1)
			most = time.Since(begun) // that the first can have waited
		}
	}
	held := 300*time.Millisecond + most
	time.Sleep(held)
	g.open()
	wait.Wait()
	if !slices.IsSorted(order) {
		t.Errorf("served in the order %v", order)
	}
	got := reports(t, c)
	if last := got[len(got)-1]; last.Queue < held || last.Cold {
		t.Errorf("last in the queue, for %v at least: %+v", held, last)
	}
	if first := got[1]; first.Queue > most {
		t.Errorf("first, who did not queue and was served within %v: %+v", most, first)
	}
}

func TestQueueTimeout(t *testing.T) {
	p, c := testPlatform(t, nil)
	url := deployTo(t, c, func(f *client.FunctionSpec) {
		f.Queueing, f.MaxInstances = client.QueueingQueue, 1
	})
	getOK(t, url)
	g := newGate(t)
	held := make(chan reply, 2)
	for range 2 {
		go func() {
			r, _ := send(http.MethodGet, url+"?"+g.query(), nil)
			held <- r
		}()
	}
	eventually(t, "one is served, one waits", func() bool { return g.seen.Load() == 1 && queued(p) == 1 })
	setNextTimeout(p, 300*time.Millisecond) // of the third in line
	wantFailure(t, url, 429, kindQueueTimeout, "no instance became free")
	setNextTimeout(p, time.Minute)
	g.open()
	for range 2 {
		if r := <-held; r.status != http.StatusOK {
			t.Errorf("who held the instance got %d %s", r.status, r.body)
		}
	}
}

func TestPlatformLimit(t *testing.T) {
	_, c := testPlatform(t, func(o *Options) { o.MaxInstances = 2 })
	status, instances, _ := tally(burst(t, deployTo(t, c, nil)+"?sleep=500", 6))
	if instances > 2 || status[200] < 2 || status[200]+status[429] != 6 {
		t.Errorf("%v, %d instances", status, instances)
	}
}

func TestConcurrencyInOneInstance(t *testing.T) {
	_, c := testPlatform(t, nil)
	url := deployTo(t, c, func(f *client.FunctionSpec) { f.Concurrency, f.MaxInstances = 6, 1 })
	getOK(t, url)
	g := newGate(t)
	wait, replies := start(t, url+"?"+g.query(), 6, new(atomic.Int32))
	g.await(t, 6) // the function has all of them
	g.open()
	wait()
	if status, instances, cold := tally(replies); status[200] != 6 || instances != 1 || cold != 0 {
		t.Errorf("%d instances, %d cold, %v", instances, cold, status)
	}
}

// One hanging request must not take the others of its instance with it.
func TestTimeoutSparesTheOthers(t *testing.T) {
	p, c := testPlatform(t, nil)
	url := deployTo(t, c, func(f *client.FunctionSpec) { f.Concurrency = 2 })
	first := getOK(t, url)
	hang, other := make(chan reply, 1), make(chan reply, 1)
	sendTo := func(to chan<- reply, query string) {
		r, _ := send(http.MethodGet, url+query, nil)
		to <- r
	}
	go sendTo(hang, "?do=hang")
	eventually(t, "the hanging request has started", func() bool { return strings.Count(logOf(t, c), "START ") == 2 })
	starts := strings.Split(logOf(t, c), "START RequestId: ")
	id, _, _ := strings.Cut(starts[2], " ")
	g := newGate(t)
	go sendTo(other, "?"+g.query())
	g.await(t, 1)
	timeOut(p, id)
	if r := <-hang; r.status != http.StatusGatewayTimeout {
		t.Errorf("the hanging request got %d", r.status)
	}
	g.open()
	if r := <-other; r.status != http.StatusOK || r.ID != first.ID {
		t.Errorf("the other one got %d from another instance %v", r.status, r.ID != first.ID)
	}
	if r := getOK(t, url); r.ID == first.ID {
		t.Error("the instance with the hanging request was used again")
	}
	eventually(t, "it ends", func() bool { return !alive(first.PID) })
}

func TestKeepAlive(t *testing.T) {
	_, c := testPlatform(t, nil)
	short := 0.3
	url := deployTo(t, c, func(f *client.FunctionSpec) { f.KeepAliveSeconds = &short })
	first := getOK(t, url)
	if r := getOK(t, url); r.ID != first.ID {
		t.Logf("a slow machine: the keep-alive was over between two requests")
	}
	eventually(t, "the instance ends by itself", func() bool { return !alive(first.PID) })
	if r := getOK(t, url); !r.Cold || r.ID == first.ID {
		t.Errorf("after the keep-alive: %+v", r)
	}
	zero := 0.0
	url = deployTo(t, c, func(f *client.FunctionSpec) { f.KeepAliveSeconds, f.MaxInstances = &zero, 1 })
	for range 10 { // no slot may stay taken by an instance that is on its way out
		if r := getOK(t, url); !r.Cold {
			t.Fatalf("warm with a keep-alive of 0: %+v", r)
		}
	}
	for _, r := range reports(t, c)[2:] {
		if !r.Cold {
			t.Errorf("%+v", r)
		}
	}
}

// Deploying, requesting, retiring and removing all at once: only the race detector and the clean-up look at it.
func TestEverythingAtOnce(t *testing.T) {
	_, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	until := time.Now().Add(2 * time.Second)
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			for time.Now().Before(until) {
				r, err := send(http.MethodGet, url+"?sleep=5", nil)
				if err != nil {
					t.Error(err)
					return
				}
				if k := r.header.Get("X-Stellar-Error"); k != "" && k != kindNoRoute && k != kindRemoved {
					t.Errorf("%d %s", r.status, r.body)
				}
				if i == 0 {
					_, _ = c.Retire(t.Context(), "s", "f")
				}
			}
		})
	}
	wait.Go(func() {
		for i := 0; time.Now().Before(until); i++ {
			if i%4 == 3 {
				_ = c.Delete(t.Context(), "s")
			}
			if _, err := c.Put(t.Context(), "s", testSpec(nil)); err != nil {
				t.Error(err)
			}
			time.Sleep(30 * time.Millisecond)
		}
	})
	wait.Wait()
}
