package url

import (
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// Every function is probed at the one address; nothing there is changed or removed.
func TestEveryFunctionHasTheOneAddress(t *testing.T) {
	conn, err := Provider().Open(provider.Options{Target: "localhost:8080/f"})
	if err != nil {
		t.Fatal(err)
	}
	fns := []*provider.Function{{Name: "f0-0"}, {Name: "f0-1"}}
	found, err := conn.(provider.Matcher).Match(fns)
	if err != nil || len(found) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	for i, e := range found {
		if e.URL != "http://localhost:8080/f" || e.Function != fns[i].Name || e.Provider != "url" || e.Deployed {
			t.Errorf("%+v", e)
		}
	}
	if err := conn.UpdateFunction(t.Context(), found[0], fns[0]); fail.Code(err) != fail.CodeInput {
		t.Errorf("an update: %v", err)
	}
	if err := conn.RemoveFunctions(t.Context(), []provider.Unit{{Name: "u"}}); err != nil {
		t.Error(err)
	}
	conn, err = Provider().Open(provider.Options{Target: "ftp://h"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.(provider.Matcher).Match(fns); fail.Code(err) != fail.CodeInput {
		t.Errorf("an address that cannot be probed: %v", err)
	}
}
