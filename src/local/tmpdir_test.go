package local

import (
	"testing"
	"time"
)

// TestTmpIsLimited has instances write to /tmp: under the limit one goes on, over it the instance ends with the reason.
func TestTmpIsLimited(t *testing.T) {
	_, c := testPlatform(t, func(o *Options) { o.maxTmp, o.tmpPeriod = 2<<20, 20*time.Millisecond })
	url := deployTo(t, c, nil)
	first := getOK(t, url)
	getOK(t, url+"?do=fill&kb=1024")
	if r := getOK(t, url+"?sleep=200"); r.ID != first.ID { // ten looks
		t.Error("an instance with 1 MB in a /tmp of 2 MB was ended")
	}
	wantFailure(t, url+"?do=fill&kb=3072&then=hang", 502, kindCrash,
		"its /tmp has 3 MB; the limit is 2 MB: no space left on device")
	last := getOK(t, url)
	if !last.Cold {
		t.Errorf("the next request got %+v", last)
	}
	got := reports(t, c)
	if r := got[len(got)-2]; r.Status != "error" || r.ErrorClass != "Runtime.ExitError" {
		t.Errorf("report %+v", r)
	}
}
