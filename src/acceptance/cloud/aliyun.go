package cloud

import (
	"bufio"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// Aliyun stands in for an account of Alibaba Cloud's: the part of Function Compute, API Gateway, RAM and OSS that the
// pinned plugin uses, with their own error codes. The functions that are deployed run.
type Aliyun struct {
	account
	services map[string]map[string]*AliyunFunction
	groups   map[string]map[string]aliyunAPI // API groups by name, APIs in them by name
	roles    map[string]bool
	buckets  map[string]map[string][]byte
}

// AliyunFunction is a function of a service.
type AliyunFunction struct {
	Handler, Runtime string
	MemorySize       int
	Timeout          int
	Environment      map[string]string `json:"environmentVariables"`
	Code             struct{ OSSBucketName, OSSObjectName string }

	mu     sync.Mutex
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	folder string
}

type aliyunAPI struct{ path, service, function string }

const (
	aliyunShared = "sls-1234567890-ap-southeast-1" // the bucket of the whole account, with others' packages in it
	aliyunSecret = "s3cret-of-the-key"
)

// NewAliyun opens an account with a package of somebody else's in its bucket.
func NewAliyun(t *testing.T) *Aliyun {
	t.Helper()
	a := &Aliyun{
		services: map[string]map[string]*AliyunFunction{},
		groups:   map[string]map[string]aliyunAPI{},
		roles:    map[string]bool{},
		buckets:  map[string]map[string][]byte{aliyunShared: {"serverless/theirs/dev/p.zip": []byte("x")}},
	}
	a.serve(t, a, func() {
		for _, s := range a.services {
			for _, f := range s {
				kill(f.cmd)
			}
		}
	})
	return a
}

// Environment leads the Serverless CLI with its plugin to the account.
func (a *Aliyun) Environment(string) []string {
	cli := lab.Module("serverless-aliyun")
	lab.Installed(a.t, "the Serverless CLI for Alibaba Cloud", filepath.Join(cli, "serverless"), "make aliyun")
	return []string{"STELLAR_SERVERLESS_ALIYUN=" + filepath.Join(cli, "serverless"), redirected(),
		"STELLAR_TEST_ACCOUNT=" + a.server.URL, "ALIBABA_CLOUD_ACCESS_KEY_ID=key-id",
		"ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + aliyunSecret, "ALIBABA_CLOUD_ACCOUNT_ID=1234567890"}
}

// Prefixes are those of Alibaba Cloud's variables.
func (a *Aliyun) Prefixes() []string { return []string{"ALIBABA_"} }

// Secret is that of the access key.
func (a *Aliyun) Secret() string { return aliyunSecret }

// Left lists all that is there, but for what was there before. It is an error if the package of somebody else is
// gone.
func (a *Aliyun) Left() (out []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for n := range a.services {
		out = append(out, "service "+n)
	}
	for n := range a.groups {
		out = append(out, "group "+n)
	}
	for n := range a.roles {
		out = append(out, "role "+n)
	}
	for n := range a.buckets {
		if n != aliyunShared {
			out = append(out, "bucket "+n)
		}
	}
	if n := len(a.buckets[aliyunShared]); n != 1 {
		a.t.Errorf("the account's own bucket holds %d packages, want that of somebody else's", n)
	}
	slices.Sort(out)
	return out
}

// Restart ends the instances of a service's functions: the next request to each starts another.
func (a *Aliyun) Restart(service string) {
	for _, f := range a.Service(service) {
		f.mu.Lock()
		kill(f.cmd)
		f.cmd = nil
		f.mu.Unlock()
	}
}

// Service is the functions of a service by their names.
func (a *Aliyun) Service(name string) (functions map[string]*AliyunFunction) {
	a.Locked(func() { functions = maps.Clone(a.services[name]) })
	return functions
}

func (a *Aliyun) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := strings.CutPrefix(r.URL.Path, "/gateway/"); ok {
		a.invoke(w, r, rest)
		return
	}
	host := r.Header.Get("X-Stellar-Host")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		a.t.Error(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	call := host + r.URL.Path + " " + r.URL.Query().Get("Action")
	if code := a.record(r.Method, call); code != "" {
		a.refuse(w, host, code)
		return
	}
	switch {
	case strings.HasSuffix(host, ".fc.aliyuncs.com"):
		a.compute(w, r, body)
	case strings.HasPrefix(host, "apigateway."):
		a.gateway(w, r)
	case host == "ram.aliyuncs.com":
		a.ram(w, r)
	case strings.Contains(host, "oss-ap-southeast-1"):
		a.oss(w, r, host, body)
	default:
		a.t.Errorf("unexpected request: %s %s", r.Method, call)
		w.WriteHeader(http.StatusNotFound)
	}
}

// refuse answers as each of the services does.
func (a *Aliyun) refuse(w http.ResponseWriter, host, code string) {
	status := http.StatusNotFound
	if !strings.Contains(code, "Not") {
		status = http.StatusForbidden
	}
	if strings.Contains(host, "oss-") {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>says the account of this test</Message></Error>", code)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(
		w,
		`{"ErrorCode":%q,"ErrorMessage":"%s","Code":%q,"Message":"says the account of this test","RequestId":"1"}`,
		code,
		code,
		code,
	)
}

func (a *Aliyun) compute(w http.ResponseWriter, r *http.Request, body []byte) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "FC key-id:") {
		a.t.Errorf("not signed: %v", r.Header)
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/2016-08-15/services"), "/")[1:]
	name := ""
	if len(parts) > 0 {
		name = parts[0]
	}
	functions, there := a.services[name]
	switch {
	case r.Method == http.MethodPost && len(parts) == 0:
		var s struct{ ServiceName string }
		_ = json.Unmarshal(body, &s)
		a.services[s.ServiceName] = map[string]*AliyunFunction{}
		answer(w, http.StatusOK, s)
	case !there:
		a.refuse(w, "", "ServiceNotFound")
	case len(parts) == 1 && r.Method == http.MethodDelete:
		delete(a.services, name)
	case len(parts) == 1:
		answer(w, http.StatusOK, map[string]string{"serviceName": name})
	case len(parts) == 2 && r.Method == http.MethodPost:
		f := &AliyunFunction{}
		var named struct{ FunctionName string }
		if json.Unmarshal(body, f) != nil || json.Unmarshal(body, &named) != nil {
			a.t.Errorf("function %s", body)
		}
		functions[named.FunctionName] = f
		a.unpack(f, named.FunctionName)
		answer(w, http.StatusOK, named)
	case len(parts) == 2:
		list := []map[string]string{}
		for n := range functions {
			list = append(list, map[string]string{"functionName": n})
		}
		answer(w, http.StatusOK, map[string]any{"functions": list})
	case functions[parts[2]] == nil:
		a.refuse(w, "", "FunctionNotFound")
	case len(parts) == 4:
		answer(w, http.StatusOK, map[string]any{"triggers": []any{}})
	case r.Method == http.MethodDelete:
		kill(functions[parts[2]].cmd)
		delete(functions, parts[2])
	default:
		answer(w, http.StatusOK, map[string]string{"functionName": parts[2]})
	}
}

func (a *Aliyun) unpack(f *AliyunFunction, name string) {
	f.folder = filepath.Join(a.dir, name)
	if err := unzip(f.folder, a.buckets[f.Code.OSSBucketName][f.Code.OSSObjectName]); err != nil {
		a.t.Errorf("function %s: %v", name, err)
	}
}

func (a *Aliyun) gateway(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	group := strings.TrimPrefix(cmp.Or(r.Form.Get("GroupId"), r.Form.Get("GroupName")), "id-")
	api := strings.TrimPrefix(cmp.Or(r.Form.Get("ApiId"), r.Form.Get("ApiName")), "id-")
	about := map[string]string{
		"GroupName": group,
		"GroupId":   "id-" + group,
		"SubDomain": strings.TrimPrefix(a.server.URL, "http://") + "/gateway/" + group,
	}
	apis := []map[string]string{}
	for n := range a.groups[group] {
		apis = append(apis, map[string]string{"ApiName": n, "ApiId": "id-" + n, "RegionId": "ap-southeast-1"})
	}
	switch action := r.Form.Get("Action"); action {
	case "DescribeApiGroups":
		if a.groups[group] == nil {
			answer(w, http.StatusOK, map[string]any{"TotalCount": 0})
			return
		}
		answer(w, http.StatusOK, map[string]any{"TotalCount": 1,
			"ApiGroupAttributes": map[string]any{"ApiGroupAttribute": []any{about}}})
	case "CreateApiGroup":
		if len(group) > 50 {
			a.t.Errorf("API group %q is longer than 50", group)
		}
		a.groups[group] = map[string]aliyunAPI{}
		answer(w, http.StatusOK, about)
	case "DeleteApiGroup":
		delete(a.groups, group)
		answer(w, http.StatusOK, map[string]string{})
	case "CreateApi":
		a.groups[group][api] = a.newAPI(api, r)
		answer(w, http.StatusOK, map[string]string{"ApiId": "id-" + api})
	case "DescribeApis":
		answer(w, http.StatusOK, map[string]any{"TotalCount": len(apis),
			"ApiSummarys": map[string]any{"ApiSummary": apis}})
	case "DescribeDeployedApis":
		answer(w, http.StatusOK, map[string]any{"TotalCount": len(apis),
			"DeployedApis": map[string]any{"DeployedApiItem": apis}})
	case "DeployApi", "AbolishApi":
		answer(w, http.StatusOK, map[string]string{})
	case "DeleteApi":
		delete(a.groups[group], api)
		answer(w, http.StatusOK, map[string]string{})
	default:
		a.t.Errorf("API Gateway: %s", action)
	}
}

// newAPI reads the description of an API that leads to a function.
func (a *Aliyun) newAPI(name string, r *http.Request) aliyunAPI {
	var request struct{ RequestPath string }
	var backend struct {
		ServiceTimeout        int
		FunctionComputeConfig struct{ ServiceName, FunctionName, RoleArn string }
	}
	if json.Unmarshal([]byte(r.Form.Get("RequestConfig")), &request) != nil ||
		json.Unmarshal([]byte(r.Form.Get("ServiceConfig")), &backend) != nil ||
		len(name) > 50 ||
		backend.ServiceTimeout != 30000 {
		a.t.Errorf("API %q: %v", name, r.Form)
	}
	return aliyunAPI{
		request.RequestPath,
		backend.FunctionComputeConfig.ServiceName,
		backend.FunctionComputeConfig.FunctionName,
	}
}

func (a *Aliyun) ram(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	role := r.Form.Get("RoleName")
	about := map[string]any{"Role": map[string]string{"RoleName": role, "Arn": "acs:ram::1234567890:role/" + role}}
	switch action := r.Form.Get("Action"); {
	case action == "CreateRole":
		a.roles[role] = true
		answer(w, http.StatusOK, about)
	case !a.roles[role]:
		a.refuse(w, "", "EntityNotExist.Role")
	case action == "GetRole":
		answer(w, http.StatusOK, about)
	case action == "ListPoliciesForRole":
		answer(w, http.StatusOK, map[string]any{"Policies": map[string]any{"Policy": []any{}}})
	case action == "DeleteRole":
		delete(a.roles, role)
		answer(w, http.StatusOK, map[string]string{})
	case action == "AttachPolicyToRole" || action == "DetachPolicyFromRole":
		answer(w, http.StatusOK, map[string]string{})
	default:
		a.t.Errorf("RAM: %s", action)
	}
}

func (a *Aliyun) oss(w http.ResponseWriter, r *http.Request, host string, body []byte) {
	bucket, _, inBucket := strings.Cut(host, ".oss-")
	object := strings.TrimPrefix(r.URL.Path, "/")
	objects := a.buckets[bucket]
	w.Header().Set("Content-Type", "application/xml")
	type entry struct {
		Name, Key, LastModified, ETag, Type, Size, StorageClass, Location, CreationDate string
		Owner                                                                           struct{ ID, DisplayName string }
	}
	switch {
	case !inBucket && object == "":
		var list struct {
			XMLName xml.Name `xml:"ListAllMyBucketsResult"`
			Owner   struct{ ID, DisplayName string }
			Buckets struct{ Bucket []entry }
		}
		for n := range a.buckets {
			if strings.HasPrefix(n, r.URL.Query().Get("prefix")) {
				list.Buckets.Bucket = append(list.Buckets.Bucket, entry{Name: n})
			}
		}
		_ = xml.NewEncoder(w).Encode(list)
	case r.Method == http.MethodPut && object == "":
		a.buckets[bucket] = map[string][]byte{}
	case objects == nil:
		a.refuse(w, host, "NoSuchBucketNot")
	case bucket == aliyunShared:
		a.t.Errorf("the account's own bucket is touched: %s %s", r.Method, r.URL)
	case r.Method == http.MethodPut:
		objects[object] = body
	case r.Method == http.MethodPost: // a deletion of several
		clear(objects)
		fmt.Fprint(w, "<DeleteResult></DeleteResult>")
	case r.Method == http.MethodDelete:
		if len(objects) > 0 {
			a.refuse(w, host, "BucketNotEmpty")
			return
		}
		delete(a.buckets, bucket)
		w.WriteHeader(http.StatusNoContent)
	default:
		var list struct {
			XMLName  xml.Name `xml:"ListBucketResult"`
			Contents []entry
		}
		for n := range objects {
			list.Contents = append(list.Contents, entry{Key: n})
		}
		_ = xml.NewEncoder(w).Encode(list)
	}
}
