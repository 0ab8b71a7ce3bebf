package generate

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// template is what CloudFormation is given.
type template struct {
	Resources map[string]resource
	Outputs   map[string]any
}

type resource struct {
	Type           string
	DeletionPolicy string
	Properties     map[string]any
}

// templateOf has the Serverless CLI package a unit's folder, with empty packages, and reads what it would deploy.
func templateOf(t *testing.T, r *run.Run, dir string) template {
	t.Helper()
	for _, fn := range r.Functions {
		if fn.PackageType == "Zip" {
			providertest.Write(t, fn.Package.Path, "PK\x05\x06"+strings.Repeat("\x00", 18)) // an empty ZIP archive
		}
	}
	here := *r
	here.ServiceDir = filepath.Join(r.ServiceDir, dir)
	runOSLS(t, &here, "package")
	text, err := os.ReadFile(filepath.Join(here.ServiceDir, ".serverless", "cloudformation-template-update-stack.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out template
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// wildcards finds "*" as an action, a resource or a principal, and actions that end in one, anywhere in a value.
func wildcards(at string, v any) (found []string) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			found = append(found, wildcards(at+"."+k, inner)...)
		}
	case []any:
		for i, inner := range v {
			found = append(found, wildcards(fmt.Sprintf("%s[%d]", at, i), inner)...)
		}
	case string:
		policy := strings.Contains(at, ".Action") || strings.Contains(at, ".Resource") ||
			strings.Contains(at, ".Principal")
		if policy && (v == "*" || strings.HasSuffix(v, ":*") && !strings.Contains(v, ":log-group:/aws/lambda/")) {
			found = append(found, at+" = "+v)
		}
	}
	return found
}

func TestAWSPermissionsHaveNoWildcard(t *testing.T) {
	if got := wildcards("", map[string]any{"Action": []any{"s3:*", "s3:Get"}, "Resource": "*",
		"Principal": "*"}); len(got) != 3 {
		t.Fatalf("the search finds %q", got)
	}
	for name, r := range map[string]*run.Run{"ZIPs": awsRun(t), "images": quietImages(t)} {
		t.Run(name, func(t *testing.T) {
			written(t, r)
			tpl := templateOf(t, r, "")
			checkAccessLog(t, r, tpl, name == "ZIPs")
			roles := 0
			for id, res := range tpl.Resources {
				if got := wildcards(id, res.Properties); len(got) > 0 {
					t.Errorf("%q", got)
				}
				switch res.Type {
				case "AWS::IAM::Role":
					roles++
				case "AWS::IAM::Policy", "AWS::S3::BucketPolicy":
					t.Errorf("%s is a %s: more than the functions need", id, res.Type)
				}
			}
			if roles != 1 || tpl.Resources["StellarFunctionRole"].Type != "AWS::IAM::Role" {
				t.Errorf("%d roles, want ours alone", roles)
			}
			logs := fmt.Sprint(tpl.Resources["StellarFunctionRole"].Properties["Policies"])
			for _, fn := range r.Functions {
				if want := ":log-group:/aws/lambda/" + r.Service + "-" + fn.Name + ":*"; !strings.Contains(logs, want) {
					t.Errorf("the role says %s, not %s", logs, want)
				}
			}
		})
	}
}

// quietImages are images whose timeout lets the CLI be content.
func quietImages(t *testing.T) *run.Run {
	r := imagesRun(t, "aws")
	for _, fn := range r.Functions {
		fn.TimeoutSeconds = 29
	}
	return r
}

// SnapStart acts on published versions alone: the route must lead to one, and the API be allowed to call it there.
func TestAWSRoutesLeadToTheVersionWithSnapStart(t *testing.T) {
	r := awsRun(t) // f0-0 without, f1-0 with SnapStart
	written(t, r)
	tpl := templateOf(t, r, "")
	var versions, aliases []resource
	for _, res := range tpl.Resources {
		switch res.Type {
		case "AWS::Lambda::Version":
			versions = append(versions, res)
		case "AWS::Lambda::Alias":
			aliases = append(aliases, res)
		}
	}
	if len(versions) != 1 || len(aliases) != 1 {
		t.Fatalf("%d versions, %d aliases, want one of each", len(versions), len(aliases))
	}
	if versions[0].DeletionPolicy != "" {
		t.Errorf("the version is kept (%s) when the stack goes", versions[0].DeletionPolicy)
	}
	if name := aliases[0].Properties["Name"]; name != "snapstart" { // provider.awsAlias counts on it
		t.Errorf("the alias is %v", name)
	}
	function := func(id string) any { return map[string]any{"Fn::GetAtt": []any{id, "Arn"}} }
	alias := map[string]any{"Fn::Join": []any{":", []any{function("F1Dash0LambdaFunction"), "snapstart"}}}
	for id, want := range map[string]any{"F0Dash0": function("F0Dash0LambdaFunction"), "F1Dash0": alias} {
		if got := tpl.Resources["HttpApiIntegration"+id].Properties["IntegrationUri"]; !reflect.DeepEqual(got, want) {
			t.Errorf("the route of %s leads to %v, want %v", id, got, want)
		}
		if got := tpl.Resources[id+"LambdaPermissionHttpApi"].Properties["FunctionName"]; !reflect.DeepEqual(got,
			want) {
			t.Errorf("the API may call %v, want %v", got, want)
		}
	}
	snap := tpl.Resources["F1Dash0LambdaFunction"].Properties["SnapStart"]
	if !reflect.DeepEqual(snap, map[string]any{"ApplyOn": "PublishedVersions"}) ||
		tpl.Resources["F0Dash0LambdaFunction"].Properties["SnapStart"] != nil {
		t.Errorf("SnapStart %v of f1-0, %v of f0-0", snap,
			tpl.Resources["F0Dash0LambdaFunction"].Properties["SnapStart"])
	}
}

// checkAccessLog demands the API's access log where a sub-experiment has ProviderReport: it says which of its requests
// is which of Lambda's. Its log group is the stack's.
func checkAccessLog(t *testing.T, r *run.Run, tpl template, wanted bool) {
	t.Helper()
	group, is := tpl.Resources["HttpApiLogGroup"]
	settings := tpl.Resources["HttpApiStage"].Properties["AccessLogSettings"]
	if is != wanted || (settings != nil) != wanted {
		t.Fatalf("log group %v, the stage has %v", group, settings)
	}
	want := map[string]any{"LogGroupName": "/aws/http-api/" + r.Service, "RetentionInDays": 1.0}
	if wanted && (group.DeletionPolicy != "" || !reflect.DeepEqual(group.Properties, want)) {
		t.Errorf("log group %+v, want %v", group, want)
	}
	if text := fmt.Sprint(settings); wanted && (!strings.Contains(text, "HttpApiLogGroup") ||
		!strings.Contains(text, "$context.requestId $context.integration.requestId")) {
		t.Errorf("the stage has %s", text)
	}
}

// What carries a run's tags is found by them when the journal is lost; what cannot carry any belongs to something that
// does.
func TestAWSResourcesCarryTheTags(t *testing.T) {
	r := awsRun(t)
	written(t, r)
	untagged := map[string]bool{"AWS::ApiGatewayV2::Integration": true, "AWS::ApiGatewayV2::Route": true,
		"AWS::Lambda::Permission": true,
		"AWS::Lambda::Version":    true, "AWS::Lambda::Alias": true,
		"AWS::Logs::LogGroup": true} // it takes the stack's: stackTags
	for id, res := range templateOf(t, r, "").Resources {
		if tags := fmt.Sprint(res.Properties["Tags"]); !untagged[res.Type] &&
			!(strings.Contains(tags, "stellar-run") && strings.Contains(tags, "stellar-expires")) {
			t.Errorf("%s (%s) has tags %s", id, res.Type, tags)
		}
	}
}

// The largest service stays under CloudFormation's 500 resources and 200 outputs, and under the 10240 characters of a
// role's policies; one function more makes a second service.
func TestAWSServicesStayUnderTheQuotas(t *testing.T) {
	r := providertest.NewRun(t, "aws", providertest.Sub("hellopy", "python3.13", func(s *experiment.SubExperiment) {
		s.Parallelism, s.SnapStartEnabled, s.FunctionTimeoutSeconds = 140, true, 29
		s.ProviderReport = true
	}))
	r.Service = "stellar-" + strings.Repeat("x", 30) // with -0 it has the 40 characters that are allowed
	units := rowOf(t, r).Units(r.Service, r.Functions)
	if len(units) != 2 || len(units[0].Functions) != len(units[1].Functions) {
		t.Fatalf("%d services, want two of 70", len(units))
	}
	if err := (Functions{Row: rowOf(t, r)}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := (Service{Row: rowOf(t, r)}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	tpl := templateOf(t, r, units[0].Dir)
	if n := len(tpl.Resources); n > 500 || n <= 500-2*7 {
		t.Errorf("%d resources, want at most 500, and not two functions less than could be", n)
	}
	if n := len(tpl.Outputs); n > 200 {
		t.Errorf("%d outputs, CloudFormation takes 200", n)
	}
	const longest = len("arn:aws-us-gov:logs:ap-southeast-3:123456789012") - len("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}")
	policies, err := json.Marshal(tpl.Resources["StellarFunctionRole"].Properties["Policies"])
	if err != nil {
		t.Fatal(err)
	}
	if n := len(policies) + len(units[0].Functions)*longest; n > 10240 {
		t.Errorf("policies of %d characters, IAM takes 10240", n)
	}
	for _, fn := range units[1].Functions[:1] { // each folder names its packages from where it lies
		yml, err := os.ReadFile(filepath.Join(r.ServiceDir, units[1].Dir, "serverless.yml"))
		if err != nil || !strings.Contains(string(yml), "artifact: ../packages/"+filepath.Base(fn.Package.Path)) {
			t.Errorf("%v\n%.600s", err, yml)
		}
	}
}
