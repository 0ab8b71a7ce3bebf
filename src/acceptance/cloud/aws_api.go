package cloud

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// awsAPI answers for CloudFormation, STS, CloudWatch Logs, S3 and Lambda what is asked of them beside the Serverless
// CLI, with the error codes of their documentation. A stack is looked for in the clouds of all rows; lists are of the
// newest one.
func awsAPI(stores func(func([]store))) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stores(func(all []store) { answerAWS(w, r, all) })
	})
}

func answerAWS(w http.ResponseWriter, r *http.Request, all []store) {
	body, err := io.ReadAll(r.Body)
	must(err)
	form, _ := url.ParseQuery(string(body))
	a := awsCall{w: w, r: r, body: body, form: form,
		region: awsRegion.FindStringSubmatch(r.Header.Get("Authorization"))[1]}
	name := form.Get("StackName")
	if parts := strings.Split(name, "/"); len(parts) == 3 { // arn:…:stack/<name>/<id>
		name = parts[1]
	}
	a.unit = name
	a.store = all[len(all)-1]
	for _, c := range all {
		if a.meant(c) {
			a.store = c
		}
	}
	defer a.store.lock()()
	a.answer()
}

var awsRegion = regexp.MustCompile(`Credential=[^/]+/\d+/([^/]+)/`)

type awsCall struct {
	w      http.ResponseWriter
	r      *http.Request
	body   []byte
	form   url.Values
	region string
	unit   string
	store  store
}

// meant reports whether a call is about the stack, a log group or a bucket of a row.
func (a *awsCall) meant(c store) bool {
	defer c.lock()()
	if a.unit != "" && slices.ContainsFunc(c.calls(), func(b call) bool { return b.Unit == a.unit }) {
		return true // it is gone by now
	}
	return slices.ContainsFunc(c.resources(a.unit), func(t resource) bool {
		return a.unit != "" || strings.HasPrefix(t.Unit, "stellar-2") && (strings.Contains(string(a.body),
			t.Unit) || strings.HasPrefix(a.r.URL.Path, "/"+t.Unit))
	})
}

func (a *awsCall) answer() {
	target := a.r.Header.Get("X-Amz-Target")
	switch {
	case a.form.Get("Action") == "GetCallerIdentity" && strings.Contains(a.r.Header.Get("Authorization"),
		"AKIASTRANGER"):
		a.xml("GetCallerIdentity",
			"<Account>999999999999</Account><Arn>arn:aws:iam::999999999999:user/stranger</Arn><UserId>AIDB</UserId>")
	case a.form.Get("Action") == "GetCallerIdentity":
		a.xml("GetCallerIdentity",
			fmt.Sprintf("<Account>%s</Account><Arn>arn:aws:iam::%s:user/someone</Arn><UserId>AIDA</UserId>",
				awsAccount, awsAccount))
	case a.form.Get("Action") == "DescribeStacks":
		a.describe()
	case a.form.Get("Action") == "DeleteStack":
		a.deleteStack()
	case a.form.Get("Action") == "ListStackResources":
		a.resources()
	case strings.HasSuffix(target, ".DescribeLogGroups"):
		a.groups()
	case strings.HasSuffix(target, ".DeleteLogGroup"):
		var in struct{ LogGroupName string }
		must(json.Unmarshal(a.body, &in))
		a.store.drop(slices.DeleteFunc(a.store.resources(""), func(t resource) bool {
			return t.Kind != logGroup ||
				t.Name != in.LogGroupName
		}))
	case strings.HasPrefix(a.r.URL.Path, "/2016-08-19/account-settings"):
		fmt.Fprint(a.w, `{"AccountLimit":{"ConcurrentExecutions":1000},"AccountUsage":{"FunctionCount":0}}`)
	case strings.HasPrefix(a.r.URL.Path, "/2015-03-31/functions/") && a.r.Method == http.MethodGet:
		a.function(path.Base(a.r.URL.Path))
	case strings.HasPrefix(a.r.URL.Path, "/2017-03-31/tags/") && a.r.Method == http.MethodPost:
		a.tag(a.r.URL.Path[strings.LastIndex(a.r.URL.Path, ":")+1:])
	case a.r.URL.Query().Has("versions"):
		a.versions()
	case a.r.URL.Query().Has("delete"):
		a.empty()
	default:
		a.fail(http.StatusNotImplemented, "NotImplemented",
			a.r.Method+" "+a.r.URL.String()+" "+target+" "+a.form.Get("Action"))
	}
}

func (a *awsCall) xml(action, result string) {
	a.w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(a.w, "<%sResponse><%sResult>%s</%sResult></%sResponse>", action, action, result, action, action)
}

func (a *awsCall) fail(status int, code, message string) {
	a.w.Header().Set("Content-Type", "text/xml")
	a.w.WriteHeader(status)
	fmt.Fprintf(a.w,
		"<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>r"+
			"</RequestId></ErrorResponse>", code, message)
}

// fault records a call and tells what happens to it.
func (a *awsCall) fault(verb string) string {
	var p plan
	a.store.read("plan.json", &p)
	do := p.fault(a.store.calls(), ask{verb: verb, unit: a.unit})
	a.store.record(call{Program: "cloudformation", Args: []string{a.form.Get("Action"), a.unit}, Verb: verb,
		Unit: a.unit, Fault: do})
	return do
}

func (a *awsCall) scope() string { return awsAccount + "/" + a.region }

func (a *awsCall) describe() {
	if a.unit == "" {
		var all string
		for _, t := range a.store.resources("") {
			if t.Kind == awsStack && t.Scope == a.scope() {
				all += stackXML(t)
			}
		}
		a.xml("DescribeStacks", "<Stacks>"+all+"</Stacks>")
		return
	}
	do := a.fault(looks)
	stand := a.store.look(ask{unit: a.unit, scope: a.scope(), kind: awsStack})
	switch {
	case do == doNoAnswer:
		a.fail(http.StatusServiceUnavailable, "ServiceUnavailable", "Service is unable to handle request.")
	case len(stand) == 0:
		a.fail(http.StatusBadRequest, "ValidationError", "Stack with id "+a.unit+" does not exist")
	default:
		a.xml("DescribeStacks", "<Stacks>"+stackXML(stand[0])+"</Stacks>")
		if stand[0].State == "CREATE_IN_PROGRESS" { // it comes to its end by itself
			stand[0].State = ""
			a.store.add(stand[:1], 0)
		}
	}
}

func stackXML(t resource) string {
	state, reason, _ := strings.Cut(t.State, ": ")
	if state == "" {
		state = "CREATE_COMPLETE"
	}
	var tags string
	for k, v := range t.Tags {
		tags += fmt.Sprintf("<member><Key>%s</Key><Value>%s</Value></member>", k, v)
	}
	return fmt.Sprintf("<member><StackName>%s</StackName>"+
		"<StackId>arn:aws:cloudformation:us-west-2:%s:stack/%s/1</StackId><CreationTime>2026-11-21T10:00:00Z"+
		"</CreationTime>"+
		"<StackStatus>%s</StackStatus><StackStatusReason>%s</StackStatusReason><Tags>%s</Tags><Outputs><member>"+
		"<OutputKey>StellarApiEndpoint</OutputKey>"+
		"<OutputValue>https://z4a0lmtx64.execute-api.us-west-2.amazonaws.com</OutputValue></member></Outputs>"+
		"</member>", t.Name, awsAccount, t.Name, state, reason, tags)
}

// deleteStack deletes what is in a stack, but no bucket that holds something.
func (a *awsCall) deleteStack() {
	do := a.fault(removes)
	at := ask{unit: a.unit, scope: a.scope()}
	stand := a.store.visible(at)
	full := slices.ContainsFunc(stand, func(t resource) bool { return t.Kind == awsBucket && len(t.Names) > 0 })
	stacks := slices.DeleteFunc(slices.Clone(stand), func(t resource) bool { return t.Kind != awsStack })
	set := func(state string) {
		if len(stacks) > 0 {
			stacks[0].State = state
			a.store.add(stacks[:1], 0)
		}
	}
	switch {
	case do == doThrottle:
		a.fail(http.StatusBadRequest, "Throttling", "Rate exceeded")
		return
	case do == doFail:
		set("DELETE_FAILED: The following resource(s) failed to delete: [F0Dash0LambdaFunction]. User: " +
			"arn:aws:iam::" + awsAccount +
			":user/someone is not authorized to perform: lambda:DeleteFunction")
	case do == doStay:
	case full:
		set("DELETE_FAILED: The following resource(s) failed to delete: [ServerlessDeploymentBucket]. The " +
			"bucket you tried to delete is not empty")
	default:
		a.store.drop(slices.DeleteFunc(stand, osls().stays))
	}
	a.xml("DeleteStack", "")
}

func (a *awsCall) resources() {
	var all string
	for _, t := range a.store.visible(ask{unit: a.unit, scope: a.scope()}) {
		if t.Kind != awsStack {
			all += fmt.Sprintf("<member><LogicalResourceId>%s</LogicalResourceId><PhysicalResourceId>%s"+
				"</PhysicalResourceId><ResourceType>%s</ResourceType>"+
				"<ResourceStatus>CREATE_COMPLETE</ResourceStatus><LastUpdatedTimestamp>2026-11-21T10:00:00Z"+
				"</LastUpdatedTimestamp></member>", path.Base(t.Name), t.Name, t.Kind)
		}
	}
	a.xml("ListStackResources", "<StackResourceSummaries>"+all+"</StackResourceSummaries>")
}

func (a *awsCall) groups() {
	var in struct{ LogGroupNamePrefix string }
	must(json.Unmarshal(a.body, &in))
	list := []map[string]string{}
	for _, t := range a.store.resources("") {
		if t.Kind == logGroup && t.Late == 0 && t.Scope == a.scope() && strings.HasPrefix(t.Name,
			in.LogGroupNamePrefix) {
			list = append(list, map[string]string{"logGroupName": t.Name})
		}
	}
	a.w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	must(json.NewEncoder(a.w).Encode(map[string]any{"logGroups": list}))
}

// function is what Lambda tells of one, with its tags.
func (a *awsCall) function(name string) {
	a.lambda(name, func(t resource) {
		a.w.Header().Set("Content-Type", "application/json")
		must(json.NewEncoder(a.w).Encode(map[string]any{"Tags": t.Tags,
			"Configuration": map[string]any{"FunctionName": name,
				"FunctionArn": "arn:aws:lambda:us-west-2:" + awsAccount + ":function:" + name}}))
	})
}

// tag gives a function tags beside those that it has.
func (a *awsCall) tag(name string) {
	a.lambda(name, func(t resource) {
		in := struct{ Tags map[string]string }{}
		must(json.Unmarshal(a.body, &in))
		tags := maps.Clone(t.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		maps.Copy(tags, in.Tags)
		t.Tags = tags
		a.store.add([]resource{t}, 0)
		a.store.record(call{Program: "lambda", Args: []string{"TagResource", name}, Verb: "tag", Unit: t.Unit})
		a.w.WriteHeader(http.StatusNoContent)
	})
}

func (a *awsCall) lambda(name string, do func(t resource)) {
	for _, t := range a.store.resources("") {
		if t.Kind == "AWS::Lambda::Function" && t.Name == name && t.Scope == a.scope() {
			do(t)
			return
		}
	}
	a.w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
	a.w.WriteHeader(http.StatusNotFound)
	fmt.Fprintf(a.w, `{"Type":"User","Message":"Function not found: %s"}`, name)
}

// bucket is the one that a path names.
func (a *awsCall) bucket() *resource {
	for _, t := range a.store.resources("") {
		if t.Kind == awsBucket && strings.HasPrefix(a.r.URL.Path, "/"+t.Name) {
			return &t
		}
	}
	return nil
}

func (a *awsCall) versions() {
	b := a.bucket()
	if b == nil {
		a.w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(a.w,
			"<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>")
		return
	}
	var all string
	for _, key := range b.Names {
		all += "<Version><Key>" + key + "</Key><VersionId>null</VersionId><IsLatest>true</IsLatest></Version>"
	}
	fmt.Fprintf(a.w, "<ListVersionsResult><Name>%s</Name><IsTruncated>false</IsTruncated>%s</ListVersionsResult>",
		b.Name, all)
}

func (a *awsCall) empty() {
	b := a.bucket()
	for _, key := range slices.Clone(b.Names) {
		if strings.Contains(string(a.body), "<Key>"+key+"</Key>") {
			b.Names = slices.DeleteFunc(b.Names, func(n string) bool { return n == key })
		}
	}
	a.store.add([]resource{*b}, 0)
	fmt.Fprint(a.w, "<DeleteResult></DeleteResult>")
}
