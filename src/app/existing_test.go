package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// What others have deployed to the local platform is listed, too; what a kept run has there is listed once.
func TestFunctionsOfTheLocalPlatform(t *testing.T) {
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	kept := died(t, w)
	keptURL := "http://127.0.0.1:1/kept/f0-0"
	kept.Record.Status = run.StatusKept
	kept.Record.Functions = []run.FunctionRecord{{Name: "f0-0", Endpoint: &run.Endpoint{URL: keptURL}}}
	if err := kept.SaveRecord(); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/status", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"pid": 7}`) })
	mux.HandleFunc("/v1/services", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"services": [
			{"service": "kept", "functions": [{"name": "f0-0", "url": %q}]},
			{"service": "shop", "functions": [{"name": "hello", "runtime": "python3.13", "memoryMB": 256, "url": "http://127.0.0.1:1/shop/hello"}]}]}`, keptURL)
	})
	control := httptest.NewServer(mux)
	defer control.Close()
	root := filepath.Join(home, ".local", "state", "stellar", "local")
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	state := fmt.Sprintf(`{"url": %q, "token": "x", "pid": 7}`, control.URL)
	if err := os.WriteFile(filepath.Join(root, "platform.json"), []byte(state), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := w.ExistingFunctions(t.Context())
	want := []app.ExistingFunction{
		{Run: kept.Dir, Status: run.StatusKept, Function: "f0-0", URL: keptURL},
		{Service: "shop", Status: app.StatusDeployed, Function: "hello", Runtime: "python3.13", MemoryMB: 256,
			URL: "http://127.0.0.1:1/shop/hello"}}
	if err != nil || !slices.Equal(list, want) {
		t.Errorf("listed %+v, %v", list, err)
	}
}
