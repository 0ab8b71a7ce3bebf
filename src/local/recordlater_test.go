package local

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/reportline"
)

// fakeBody is a running instance whose memory can be read until it is killed.
type fakeBody struct {
	once   sync.Once
	killed chan struct{}
}

func (b *fakeBody) Kill()                             { b.once.Do(func() { close(b.killed) }) }
func (b *fakeBody) Exited() <-chan struct{}           { return b.killed }
func (b *fakeBody) Verdict() (string, bool)           { return "exit status 0", false }
func (b *fakeBody) LimitCPU(_, _ time.Duration) error { return nil }
func (b *fakeBody) Release() error                    { return nil }
func (b *fakeBody) Peak() int64 {
	select {
	case <-b.killed:
		return 0
	default:
		return 64 << 20
	}
}

var _ running = (*fakeBody)(nil)

// TestRecordedBehindTheAnswer: a client that reads the log as soon as it has its answer finds its request there, with
// the memory of an instance that ends with this request.
func TestRecordedBehindTheAnswer(t *testing.T) {
	p, _ := testPlatform(t, nil)
	keepAlive := 0.0
	f := newFunction(p, "s", client.FunctionSpec{Name: "f", Concurrency: 1, KeepAliveSeconds: &keepAlive,
		TimeoutSeconds: 60, MemoryMB: 128})
	f.log = newLogFile(t.TempDir()+"/f.log", 1<<20, p.defect)
	t.Cleanup(func() { _ = f.log.close() })
	body := &fakeBody{killed: make(chan struct{})}
	in := newInstance(f)
	in.body, in.active, in.isReady = body, 1, true
	f.live[in], f.all[in] = true, true

	text, isRead := "", make(chan struct{})
	sent := false
	send := func(res result) {
		sent = true
		if res.raw == nil || string(res.raw.body) != "hello" {
			t.Errorf("the answer is %+v", res)
		}
		go func() {
			defer close(isRead)
			all, _, err := f.log.read(0, 1<<20)
			text = string(all)
			if err != nil {
				t.Error(err)
			}
		}()
		untilWaiting(&f.log.late, isRead)
		untilWaiting(&in.recording, body.killed)
	}
	if !f.settleLater(in, newInvocation("r"), result{body: []byte(`"hello"`), at: time.Now()}, send) || !sent {
		t.Fatal("the request has no answer")
	}
	<-isRead
	<-body.killed
	_, line, _ := strings.Cut(text, "END RequestId: r\n")
	if r, ok := reportline.Parse(line); !ok || r.RequestID != "r" || r.MaxMemory != 64 {
		t.Errorf("the log that the client reads is %q: %+v", text, r)
	}
}

// untilWaiting returns when somebody waits for the lock, or has passed it.
func untilWaiting(lock *sync.RWMutex, passed <-chan struct{}) {
	for lock.TryRLock() {
		lock.RUnlock()
		select {
		case <-passed:
			return
		default:
			runtime.Gosched()
		}
	}
}
