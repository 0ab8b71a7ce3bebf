package local

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// The forms of Lambda's answers, as docs.aws.amazon.com/lambda/latest/api has them.
type (
	configuration struct {
		FunctionName, FunctionArn, Runtime, Role, Handler string
		Description, LastModified, CodeSha256, Version    string
		CodeSize                                          int64
		Timeout, MemorySize                               int

		Environment      *variables `json:",omitempty"`
		TracingConfig    tracing
		EphemeralStorage storage
		LoggingConfig    logging

		RevisionId, State, LastUpdateStatus, PackageType string
		Architectures                                    []string
	}
	tracing   struct{ Mode string }
	storage   struct{ Size int }
	logging   struct{ LogFormat, LogGroup string }
	variables struct{ Variables map[string]string }
	codeOf    struct {
		RepositoryType     string
		Location, ImageUri string `json:",omitempty"`
		ResolvedImageUri   string `json:",omitempty"`
	}
	concurrency struct{ ReservedConcurrentExecutions int }
	urlConfig   struct {
		FunctionUrl, FunctionArn, AuthType, InvokeMode, CreationTime, LastModifiedTime string
	}
)

// getFunction is the operation GetFunction.
func (c *apiCall) getFunction() {
	f := c.find()
	if f == nil {
		return
	}
	defer f.exit()
	answer := struct {
		Configuration configuration
		Code          codeOf
		Tags          map[string]string `json:",omitempty"`
		Concurrency   *concurrency      `json:",omitempty"`
	}{Configuration: f.configuration(), Code: f.codeOf(), Tags: f.spec.Tags}
	if n := f.spec.MaxInstances; n > 0 {
		answer.Concurrency = &concurrency{n}
	}
	c.answer(http.StatusOK, answer)
}

// getConfiguration is the operation GetFunctionConfiguration.
func (c *apiCall) getConfiguration() {
	if f := c.find(); f != nil {
		defer f.exit()
		c.answer(http.StatusOK, f.configuration())
	}
}

// getURL is the operation GetFunctionUrlConfig.
func (c *apiCall) getURL() {
	f := c.find()
	if f == nil {
		return
	}
	defer f.exit()
	if f.spec.URL == nil {
		c.refuse(http.StatusNotFound, "ResourceNotFoundException", "The resource you requested does not exist.")
		return
	}
	at := f.deployed.UTC().Format("2006-01-02T15:04:05.000Z")
	c.answer(http.StatusOK, urlConfig{f.functionURL(), f.arn(), f.spec.URL.AuthType, f.spec.URL.InvokeMode, at, at})
}

// mostFunctions is the longest page of ListFunctions.
const mostFunctions = 50

// listFunctions is the operation ListFunctions. The marker of a page is the last name of the page before it.
func (c *apiCall) listFunctions() {
	query := c.r.URL.Query()
	most := mostFunctions
	if text := query.Get("MaxItems"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 10_000 {
			c.refuse(http.StatusBadRequest, "InvalidParameterValueException",
				fmt.Sprintf("Value %q at 'maxItems' must be a number from 1 to 10000", text))
			return
		}
		most = min(n, most)
	}
	all := *c.p.byName.Load()
	names := slices.Sorted(maps.Keys(all))
	from := 0
	if marker, err := base64.StdEncoding.DecodeString(query.Get("Marker")); err == nil && len(marker) > 0 {
		from, _ = slices.BinarySearch(names, string(marker)+"\x00")
	}
	names = names[from:]
	answer := struct {
		Functions  []configuration
		NextMarker *string
	}{Functions: []configuration{}}
	if len(names) > most {
		names = names[:most]
		answer.NextMarker = new(base64.StdEncoding.EncodeToString([]byte(names[most-1])))
	}
	for _, name := range names {
		answer.Functions = append(answer.Functions, all[name].configuration())
	}
	c.answer(http.StatusOK, answer)
}

// configuration describes the function as Lambda does.
func (f *function) configuration() configuration {
	out := configuration{
		FunctionName: f.lambdaName(), FunctionArn: f.arn(), Runtime: f.spec.Runtime, Handler: f.spec.Handler,
		Role:         "arn:aws:iam::000000000000:role/stellar-local",
		LastModified: f.deployed.UTC().Format("2006-01-02T15:04:05.000-0700"), Version: "$LATEST",
		Timeout: f.spec.TimeoutSeconds, MemorySize: f.spec.MemoryMB, State: "Active", LastUpdateStatus: "Successful",
		PackageType: f.spec.PackageType, Architectures: []string{"x86_64"}, RevisionId: f.revision,
	}
	if architecture != "amd64" {
		out.Architectures[0] = architecture
	}
	switch f.spec.Runtime {
	case "go", "rust": // Lambda has no such runtimes: these are programs that it calls a custom runtime
		out.Runtime = "provided.al2023"
	}
	if len(f.spec.Environment) > 0 {
		out.Environment = &variables{f.spec.Environment}
	}
	out.TracingConfig.Mode = "PassThrough"
	out.EphemeralStorage.Size = maxTmp >> 20
	out.LoggingConfig.LogFormat, out.LoggingConfig.LogGroup = "Text", "/stellar/"+f.service+"/"+f.spec.Name
	if f.image != nil {
		out.CodeSha256 = strings.TrimPrefix(f.image.SHA256, "sha256:")
		return out
	}
	out.CodeSize = f.pkg.bytes
	if sum, err := hex.DecodeString(f.pkg.sha256); err == nil {
		out.CodeSha256 = base64.StdEncoding.EncodeToString(sum)
	}
	return out
}

// codeOf says where the function's code is. Lambda gives the address of a copy in S3; here it is the file that was
// deployed.
func (f *function) codeOf() codeOf {
	if f.spec.PackageType == client.PackageImage {
		return codeOf{RepositoryType: "ECR", ImageUri: f.spec.Image, ResolvedImageUri: f.image.Ref}
	}
	return codeOf{RepositoryType: "S3", Location: "file://" + f.spec.Artifact}
}
