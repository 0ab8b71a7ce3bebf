package local

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	docker "github.com/docker/docker/client"

	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest"
)

// testImage imports an image with the test function and nothing else, under a name of the test's own.
func testImage(t *testing.T, c *docker.Client, name, architecture string) {
	t.Helper()
	testImageWith(t, c, name, architecture)
}

// testImageWith imports one with further lines of a Dockerfile.
func testImageWith(t *testing.T, c *docker.Client, name, architecture string, lines ...string) {
	t.Helper()
	program, err := os.ReadFile(testProgram)
	if err != nil {
		t.Fatal(err)
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	for _, h := range []tar.Header{{Typeflag: tar.TypeDir, Name: "var/", Mode: 0o755},
		{Typeflag: tar.TypeDir, Name: "var/task/", Mode: 0o755},
		{Typeflag: tar.TypeReg, Name: "var/task/bootstrap", Mode: 0o755, Size: int64(len(program))}} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	answer, err := c.ImageImport(t.Context(), image.ImportSource{Source: &files, SourceName: "-"}, name,
		image.ImportOptions{Platform: "linux/" + architecture,
			Changes: append([]string{`ENTRYPOINT ["/var/task/bootstrap"]`}, lines...)})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	said, err := io.ReadAll(answer)
	if err != nil || bytes.Contains(said, []byte(`"error"`)) {
		t.Fatalf("import %s: %v %s", name, err, said)
	}
	made, err := c.ImageInspect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // a container that still has the image would keep it, without a name
		_, err := c.ImageRemove(context.Background(), made.ID, image.RemoveOptions{PruneChildren: true})
		if err != nil && !errdefs.IsNotFound(err) { // a test of pulls may have removed it
			t.Errorf("the test's image: %v", err)
		}
	})
}

func testEngine(t *testing.T) *docker.Client {
	t.Helper()
	c, err := dockerengine.Open(t.Context(), os.Getenv)
	if err != nil {
		t.Fatalf("the tests of images need a Docker Engine: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// containersOf lists the containers of a platform, ended ones too.
func containersOf(t *testing.T, c *docker.Client, dir string) []container.Summary {
	t.Helper()
	all, err := c.ContainerList(context.Background(),
		container.ListOptions{All: true,
			Filters: filters.NewArgs(filters.Arg("label", dockerengine.LabelPlatform+"="+dir))})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func ofImage(name string, change func(*client.FunctionSpec)) func(*client.FunctionSpec) {
	return func(f *client.FunctionSpec) {
		f.PackageType, f.Image, f.Artifact, f.Runtime, f.Handler = client.PackageImage, name, "", "", ""
		f.Tags = map[string]string{"stellar-run": "r"}
		if change != nil {
			change(f)
		}
	}
}

func TestImageRuntimeAPI(t *testing.T) {
	c := testEngine(t)
	name := fmt.Sprintf("stellar-test-api:%d", os.Getpid())
	testImage(t, c, name, architecture)
	p, ctl := testPlatform(t, func(o *Options) { o.CPU = CPUQuota })
	url := deployTo(t, ctl, ofImage(name,
		func(f *client.FunctionSpec) { f.Environment = map[string]string{"VERSION": "7"} }))
	first, second := getOK(t, url), getOK(t, url)
	if !first.Cold || second.Cold || first.ID != second.ID || first.Ver != "7" || second.N != 2 {
		t.Errorf("first %+v, second %+v", first, second)
	}
	env := strings.Join(getOK(t, url+"?do=env").Env, "\n")
	for _, want := range []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "LAMBDA_TASK_ROOT=/var/task",
		"PATH=/usr/local/sbin:", "AWS_LAMBDA_FUNCTION_NAME=f"} {
		if !strings.Contains(env, want) {
			t.Errorf("no %s in\n%s", want, env)
		}
	}
	live := containersOf(t, c, p.opts.Dir)
	if len(live) != 1 || live[0].Labels[dockerengine.LabelRun] != "r" {
		t.Fatalf("containers %+v", live)
	}
	info, err := c.ContainerInspect(t.Context(), live[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if h := info.HostConfig; h.Memory != 256<<20 || h.MemorySwap != 256<<20 || len(h.CapDrop) == 0 ||
		*h.PidsLimit != 1024 || !h.ReadonlyRootfs {
		t.Errorf("host config %+v", h)
	}
	eventually(t, "the CPU is limited", func() bool {
		info, err := c.ContainerInspect(t.Context(), live[0].ID)
		return err == nil && info.HostConfig.CPUQuota == 20_000*256/memoryPerCPU
	})
	reps := reports(t, ctl)
	if len(reps) != 3 || !reps[0].Cold || reps[0].Init <= 0 || reps[1].Cold || reps[0].MaxMemory == 0 ||
		reps[0].RequestID != first.Req || reps[0].Pull != 0 {
		t.Errorf("reports %+v", reps)
	}
	if err := ctl.Delete(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	if left := containersOf(t, c, p.opts.Dir); len(left) > 0 {
		t.Errorf("%d containers outlive their service", len(left))
	}
}

func TestImageFailures(t *testing.T) {
	c := testEngine(t)
	name := fmt.Sprintf("stellar-test-fail:%d", os.Getpid())
	testImage(t, c, name, architecture)
	p, ctl := testPlatform(t, func(o *Options) { o.InitTimeout = time.Minute })
	url := deployTo(t, ctl, ofImage(name, func(f *client.FunctionSpec) { f.MemoryMB = 64 }))
	wantFailure(t, url+"?do=exit&code=5", http.StatusBadGateway, kindCrash, "exit status 5")
	wantFailure(t, url+"?do=alloc&mb=100", http.StatusBadGateway, kindOutOfMemory, "out of memory")
	getOK(t, url)
	setTimeout(p, time.Second)
	wantFailure(t, url+"?do=hang", http.StatusGatewayTimeout, kindTimeout, "timed out after 1.00 seconds")
	url = deployTo(t, ctl, ofImage(name,
		func(f *client.FunctionSpec) { f.Environment = map[string]string{"INIT": "exit"} }))
	wantFailure(t, url, http.StatusBadGateway, kindInitCrash, "cannot find the moon")
	_, impatient := testPlatform(t, func(o *Options) { o.InitTimeout = 2 * time.Second })
	url = deployTo(t, impatient, ofImage(name,
		func(f *client.FunctionSpec) { f.Environment = map[string]string{"INIT": "hang"} }))
	wantFailure(t, url, http.StatusGatewayTimeout, kindInitTimeout, "not ready 2s after its start")
	for change, want := range map[*func(*client.FunctionSpec)]string{
		new(func(f *client.FunctionSpec) { f.Image = "stellar-no-such-image:1" }):     "stellar-no-such-image:1",
		new(func(f *client.FunctionSpec) { f.ColdPull = true }):                       "is in no registry",
		new(func(f *client.FunctionSpec) { f.ImageContract = "grpc" }):                `imageContract "grpc"`,
		new(func(f *client.FunctionSpec) { f.Image = "" }):                            `image ""`,
		new(func(f *client.FunctionSpec) { f.PackageType, f.Artifact = "Zip", "/x" }): "belong to package type Image",
	} {
		if _, err := ctl.Put(t.Context(), "s", testSpec(ofImage(name, *change))); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestImageHTTP(t *testing.T) {
	c := testEngine(t)
	name := fmt.Sprintf("stellar-test-http:%d", os.Getpid())
	testImage(t, c, name, architecture)
	p, ctl := testPlatform(t, nil)
	url := deployTo(t, ctl, ofImage(name, func(f *client.FunctionSpec) {
		f.ImageContract, f.Concurrency, f.MaxInstances, f.Queueing = client.ContractHTTP, 4, 1, client.QueueingShared
	}))
	req, err := http.NewRequest(http.MethodPost, url+"?a=1&b=%20", strings.NewReader("the body"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Sent", "sent")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	res.Body.Close()
	for _, want := range []string{`"method":"POST"`, `"path":"/"`, `"query":"a=1\u0026b=%20"`, `"body":"the body"`,
		`"header":"sent"`, `"service":"f"`,
		`"request":"` + res.Header.Get("X-Amzn-Requestid") + `"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if res.Header.Get("X-Own") != "yes" {
		t.Errorf("headers %v", res.Header)
	}
	if r := get(t, url+"?status=418&size=3"); r.status != 418 || len(r.body) != 3 {
		t.Errorf("status %d, %q", r.status, r.body)
	}
	if status, _, _ := tally(burst(t, url+"?together=4", 4)); status[http.StatusOK] != 4 { // in one instance
		t.Errorf("statuses %v of four requests that wait for each other", status)
	}
	setTimeout(p, time.Second)
	wantFailure(t, url+"?hang=1", http.StatusGatewayTimeout, kindTimeout, "timed out")
	setTimeout(p, time.Minute)
	wantFailure(t, url+"?exit=1", http.StatusBadGateway, kindCrash, "")
	wantFailure(t, url+fmt.Sprintf("?size=%d", maxResponse+1), http.StatusRequestEntityTooLarge, kindResponseTooLarge,
		"over")
	if r := getOK(t, url); r.N != 1 {
		t.Errorf("after a crash: %+v, want a new instance", r)
	}
}

// registryOn is Debian's docker-registry on a free port: its address, and what stops it for a while or lets it go on.
func registryOn(t *testing.T) (address string, stop func(bool)) {
	t.Helper()
	address, err := relaytest.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yml")
	config := fmt.Sprintf("version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: "+
		"%s\nhttp:\n  addr: %s\n", filepath.Join(dir, "data"), address)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("docker-registry", "serve", file)
	if err := cmd.Start(); err != nil {
		t.Fatalf("the test of pulls needs docker-registry: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	eventually(t, "the registry answers", func() bool {
		res, err := http.Get("http://" + address + "/v2/")
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
	return address, func(stop bool) {
		s := map[bool]syscall.Signal{true: syscall.SIGSTOP, false: syscall.SIGCONT}[stop]
		if err := cmd.Process.Signal(s); err != nil {
			t.Error(err)
		}
	}
}

func TestColdPull(t *testing.T) {
	c := testEngine(t)
	registry, stop := registryOn(t)
	name := fmt.Sprintf("%s/stellar-test-pull:%d", registry, os.Getpid())
	testImage(t, c, name, architecture)
	stream, err := c.ImagePush(t.Context(), name, image.PushOptions{RegistryAuth: "e30="})
	if err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(stream)
	stream.Close()
	_, digest, ok := strings.Cut(string(said), `"Digest":"`)
	if !ok {
		t.Fatalf("push: %s", said)
	}
	digest, _, _ = strings.Cut(digest, `"`)
	repository := name[:strings.LastIndex(name, ":")]
	p, ctl := testPlatform(t, nil)
	url := deployTo(t, ctl, ofImage(repository+"@"+digest,
		func(f *client.FunctionSpec) { f.ColdPull, f.KeepAliveSeconds = true, new(0.0) }))
	getOK(t, url)
	eventually(t, "the instance ends", func() bool {
		s, err := ctl.Service(t.Context(), "s")
		return err == nil && s.Functions[0].Instances == 0
	})
	getOK(t, url)
	both := reports(t, ctl)
	if len(both) != 2 {
		t.Fatalf("reports %+v", both)
	}
	for _, r := range both {
		if !r.Cold || r.Pull <= 0 || r.Pull > r.Init {
			t.Errorf("pull %s of an init of %s, cold %v", r.Pull, r.Init, r.Cold)
		}
	}
	eventually(t, "the instance ends", func() bool {
		s, err := ctl.Service(t.Context(), "s")
		return err == nil && s.Functions[0].Instances == 0
	})
	stop(true)
	wait, replies := start(t, url, 3, new(atomic.Int32)) // cold starts that come together wait for one pull
	eventually(t, "all are waiting", func() bool { return allHave(p) == 3 })
	stop(false)
	wait()
	if status, _, _ := tally(replies); status[http.StatusOK] != 3 {
		t.Errorf("statuses %v", status)
	}
	pulls := 0
	for _, r := range reports(t, ctl)[2:] {
		if r.Pull > 0 {
			pulls++
		}
	}
	if pulls != 1 {
		t.Errorf("%d of three cold starts at once pulled, want one", pulls)
	}
	if err := ctl.Delete(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ImageInspect(t.Context(), repository+"@"+digest); err == nil {
		t.Error("the image that was pulled is still there")
	}
}

// A platform that is killed leaves no container: its watcher removes them.
func TestKilledPlatformLeavesNoContainer(t *testing.T) {
	c := testEngine(t)
	name := fmt.Sprintf("stellar-test-kill:%d", os.Getpid())
	testImage(t, c, name, architecture)
	child, err := Spawn(t.Context(), SpawnOptions{Root: t.TempDir(), Options: Options{CPU: CPUOff}})
	if err != nil {
		t.Fatal(err)
	}
	defer child.Close()
	getOK(t, deployTo(t, child.Client, ofImage(name, nil)))
	if n := len(containersOf(t, c, child.Dir)); n != 1 {
		t.Fatalf("%d containers, want 1", n)
	}
	if err := syscall.Kill(child.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the container is removed", func() bool { return len(containersOf(t, c, child.Dir)) == 0 })
	eventually(t, "the folder is removed", func() bool { return absent(child.Dir) })
}

// What a power cut leaves is swept: containers without a platform, by the platform's folder.
func TestSweepRemovesContainers(t *testing.T) {
	c := testEngine(t)
	name := fmt.Sprintf("stellar-test-sweep:%d", os.Getpid())
	testImage(t, c, name, architecture)
	root := t.TempDir()
	dir := filepath.Join(root, "platform-dead")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{ownerLock: "stellar-local-1-dead", containersMark: ""} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made, err := c.ContainerCreate(t.Context(),
		&container.Config{Image: name, Labels: map[string]string{dockerengine.LabelPlatform: dir}}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sweep(root); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ContainerInspect(t.Context(), made.ID); err == nil || !absent(dir) {
		t.Errorf("the container or the folder is still there (%v)", err)
	}
}

func TestImageWithoutEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix:///no/such/docker.sock")
	_, ctl := testPlatform(t, nil)
	_, err := ctl.Put(t.Context(), "s", testSpec(ofImage("x:1", nil)))
	if err == nil || !strings.Contains(err.Error(),
		"422: function \"f\": no Docker Engine answers at unix:///no/such/docker.sock") ||
		!strings.Contains(err.Error(), "start the Docker Engine") {
		t.Errorf("%v (exit code %d)", err, fail.Code(err))
	}
	if url := deployTo(t, ctl, nil); getOK(t, url).N != 1 { // other functions do not need it
		t.Error("a function of a ZIP package")
	}
}
