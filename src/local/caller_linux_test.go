package local

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// TestAnswersForOthersAreRefused has an instance, and this process, answer a request that another instance works on.
func TestAnswersForOthersAreRefused(t *testing.T) {
	alsoAsUser(t)
	for _, best := range []sandbox.Level{sandbox.LevelFull, sandbox.LevelNone} {
		t.Run(string(best), func(t *testing.T) {
			child, _ := spawned(t, best)
			url := deployTo(t, child.Client, nil)
			victim := getOK(t, url+"?do=api")
			api := strings.Split(string(victim.body), `"`)[3]
			done, g := make(chan reply, 1), newGate(t)
			go func() { // the same instance: it is the only one that is free
				r, _ := send(http.MethodGet, url+"?"+g.query(), nil)
				done <- r
			}()
			id := ""
			eventually(t, "the victim has its second request", func() bool {
				starts := strings.Split(logOf(t, child.Client), "START RequestId: ")
				id, _, _ = strings.Cut(starts[len(starts)-1], " ")
				return len(starts) == 3
			})
			said := string(getOK(t, fmt.Sprintf("%s?do=meddle&api=%s&id=%s", url, api, id)).body)
			if strings.Count(said, "403 ") != 3 || !strings.Contains(said, `\"errorType\":\"Forbidden\"`) ||
				!strings.Contains(said, `\"errorMessage\":`) {
				t.Errorf("another instance: %s", said)
			}
			client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			at := "http://" + api + runtimePrefix + "invocation/" + id + "/response"
			res, err := client.Post(at, "application/json", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != http.StatusForbidden {
				t.Errorf("another process: %d %s", res.StatusCode, text)
			}
			g.open()
			if r := <-done; r.status != 200 || r.ID == "" || r.Req != id {
				t.Errorf("the victim's own answer: %d %s", r.status, r.body)
			}
			// A process that the instance has started is the instance.
			said = string(getOK(t, url+"?do=child").body)
			if !strings.Contains(said, "400") || !strings.Contains(said, "InvalidRequestID") {
				t.Errorf("a child of the instance: %s", said)
			}
		})
	}
}
