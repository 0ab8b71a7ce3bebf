package aws_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	stacks "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/cloud"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// shop is a stack of others, with a function that answers what it was sent and how it is configured.
const shop = `{"Resources": {
	"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17",
		"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
			"Action": "sts:AssumeRole"}]}}},
	"Search": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "shop-search", "Runtime": "python3.13",
		"Handler": "index.handle", "Role": {"Fn::GetAtt": ["Role", "Arn"]}, "MemorySize": 128, "Timeout": 3,
		"Environment": {"Variables": {"TABLE": "old-table-0815", "KEEP": "kept-0815"}},
		"Code": {"ZipFile": "import os\ndef handle(event, context):\n    e = os.environ\n` +
	`    return {'memory': int(e['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']), 'table': len(e['TABLE']), 'keep': len(e['KEEP']),\n` +
	`            'key': len(e.get('KEY', '')), 'sent': event if 'q' in event else event.get('body')}\n"}}},
	"Bucket": {"Type": "AWS::S3::Bucket"},
	"Address": {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": {"Ref": "Search"},
		"AuthType": "AWS_IAM"}}}}`

// openShop makes the stack, and gives the function's ARN. A request that the emulator had carried out before its answer
// was lost is sent again by the SDK: the account is the test's own, so a stack that exists already is this one.
func openShop(t *testing.T, e *cloud.AWS) (arn string) {
	t.Helper()
	name := aws.String("shop")
	var exists *stacks.AlreadyExistsException
	if _, err := e.Stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: name,
		TemplateBody: aws.String(shop)}); err != nil && !errors.As(err, &exists) {
		t.Fatal(err)
	}
	if err := cloudformation.NewStackCreateCompleteWaiter(e.Stacks, func(
		o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 50*time.Millisecond, time.Second
	}).Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	is, err := e.Lambda.GetFunctionConfiguration(t.Context(),
		&lambda.GetFunctionConfigurationInput{FunctionName: aws.String("shop-search")})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(is.FunctionArn)
}

// publishAlias makes an alias "live" of a version whose variable KEEP is longer than that of the function itself, which
// it leaves as it was.
func publishAlias(t *testing.T, e *cloud.AWS) {
	t.Helper()
	name, was := aws.String("shop-search"), map[string]string{"TABLE": "old-table-0815", "KEEP": "kept-0815"}
	configure := func(variables map[string]string) {
		if _, err := e.Lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
			FunctionName: name, Environment: &types.Environment{Variables: variables}}); err != nil {
			t.Fatal(err)
		}
		updated := lambda.NewFunctionUpdatedV2Waiter(e.Lambda, func(o *lambda.FunctionUpdatedV2WaiterOptions) {
			o.MinDelay = 50 * time.Millisecond
		})
		if err := updated.Wait(t.Context(), &lambda.GetFunctionInput{FunctionName: name}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	configure(map[string]string{"TABLE": "old-table-0815", "KEEP": "kept-0815-published"})
	version, err := e.Lambda.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: name})
	if err != nil {
		t.Fatal(err)
	}
	var exists *types.ResourceConflictException // after a request that was sent again
	if _, err := e.Lambda.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: name,
		Name: aws.String("live"), FunctionVersion: version.Version}); err != nil && !errors.As(err, &exists) {
		t.Fatal(err)
	}
	configure(was)
}

// closeShop removes the stack. The log group that its function has made is none of stellar's.
func closeShop(t *testing.T, e *cloud.AWS) {
	t.Helper()
	if _, err := e.Stacks.DeleteStack(t.Context(),
		&cloudformation.DeleteStackInput{StackName: aws.String("shop")}); err != nil {
		t.Error(err)
	}
}

// Functions of others are measured by ARN and by stack. What a sweep wants of them is changed and put back, by the run
// and by `stellar clean`; no value of a variable is in a file.
func TestExistingFunctions(t *testing.T) {
	e := emulator.Called(t)
	asked := e.Record()
	defer closeShop(t, e)
	arn := openShop(t, e)
	publishAlias(t, e)
	l := lab.In(t, e, strings.ReplaceAll(`{"Provider": "aws", "SubExperiments": [
		{"Title": "plain", "Function": "ARN", "Bursts": 2, "Body": {"q": 1},
			"ExpectBody": {"path": "$", "value": {"memory": 128, "table": 14, "keep": 9,
				"key": 0, "sent": {"q": 1}}}},
		{"Title": "less", "Function": "stack:shop/Search", "Bursts": 2, "FunctionMemoryMB": 256, "ColdStart": "force",
			"Environment": {"TABLE": "new-0815", "KEY": "${env:SHOP_KEY}"}, "Body": {"q": 2},
			"ExpectBody": {"path": "$", "value": {"memory": 256, "table": 8, "keep": 9,
				"key": 12, "sent": {"q": 2}}}},
		{"Title": "more", "Function": "ARN", "Bursts": 2, "FunctionMemoryMB": 512, "FunctionTimeoutSeconds": 9,
			"Entry": "url", "EntryAuth": "iam", "Body": "text",
			"ExpectBody": {"path": "$", "value": {"memory": 512, "table": 14, "keep": 9,
				"key": 0, "sent": "text"}}},
		{"Title": "alias", "Function": "ARN:live", "Bursts": 2, "Body": {"q": 3},
			"ExpectBody": {"path": "$", "value": {"memory": 128, "table": 14, "keep": 19,
				"key": 0, "sent": {"q": 3}}}}]}`, "ARN", arn))
	l.Set("SHOP_KEY=secret-12345")
	before := configurations(t, e, []string{"shop-search"})[0]
	checkPlanOfExisting(t, l)
	checkMistakesOfExisting(t, l, arn)
	if now := configurations(t, e, []string{"shop-search"})[0]; now != before {
		t.Errorf("plans have changed it to %s", now)
	}

	said := stellar(l, 0, "-c", "exp.json", "-o", "out")
	for _, title := range []string{"plain", "less", "more", "alias"} {
		if n := expected(t, l, "out", title); n != 2 {
			t.Errorf("%s: %d answers are as expected, want 2", title, n)
		}
	}
	if after := configurations(t, e, []string{"shop-search"})[0]; after != before {
		t.Errorf("after the run it is\n%s\nit was\n%s\n%s", after, before, said)
	}
	checkKilled(t, e, l, before)
	checkNoValues(t, l.Dir, "old-table-0815", "kept-0815", "secret-12345")
	checkActions(t, asked, 8)
}

// expected counts the rows of a sub-experiment whose answers were as expected; other rows are an error.
func expected(t *testing.T, l *lab.Lab, out, title string) (n int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(l.Dir, out, "2*", "?-"+title+"-*", "latencies.csv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: %q, %v", title, files, err)
	}
	rows, _, err := sample.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Err != sample.OK {
			t.Errorf("%s: row %+v", title, r)
			continue
		}
		n++
	}
	return n
}

// checkPlanOfExisting demands that a plan names the changes, and neither the Serverless CLI nor a deployment.
func checkPlanOfExisting(t *testing.T, l *lab.Lab) {
	t.Helper()
	plan := stellar(l, 0, "plan", "-c", "exp.json")
	for _, want := range []string{"provider aws: nothing is deployed\n", "\ncost: about ", "\n0 functions, 8 bursts",
		"  shop-search (stack:shop/Search): changed for the time of the run, then put back:\n",
		"    memory 128 to 256 MB\n", "    another value of the variables TABLE\n", "    the new variables KEY\n",
		"    a new value of STELLAR_COLD for each cold start\n", "    memory 128 to 512 MB\n    timeout 3 to 9 s\n"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan does not say %q:\n%s", want, plan)
		}
	}
	if strings.Contains(plan, "would stop") || strings.Contains(plan, "osls") {
		t.Errorf("the plan says\n%s", plan)
	}
}

// checkMistakesOfExisting demands an answer to what cannot be measured, to all at once, before anything is changed.
func checkMistakesOfExisting(t *testing.T, l *lab.Lab, arn string) {
	t.Helper()
	elsewhere := strings.Replace(arn, cloud.AWSRegion, "eu-west-1", 1)
	for name, mistakes := range map[string]map[string]string{
		"the file shows": {
			`"Function": "` + arn + `:7", "FunctionMemoryMB": 256`: "the configuration of a version, and of what",
			`"Function": "arn:aws:s3:::shop"`:                      "a function that exists is written as",
		},
		"AWS knows": {
			`"Function": "` + arn + `s"`:                "there is no function shop-searchs in " + cloud.AWSRegion,
			`"Function": "` + elsewhere + `"`:           "is in eu-west-1, the run in " + cloud.AWSRegion,
			`"Function": "stack:shop/Bucket"`:           "Bucket of stack shop is AWS::S3::Bucket",
			`"Function": "stack:shop/Find"`:             "there is no Find in stack shop",
			`"Function": "stack:shops/Search"`:          "there is no Search in stack shops",
			`"Function": "` + arn + `", "Entry": "url"`: "has EntryAuth iam and InvokeMode buffered, the experiment asks",
			`"Function": "` + arn + `", "Environment": {"LONG": "` + strings.Repeat("x", 4050) + `"}`: "Lambda takes 4096",
		},
	} {
		var subs []string
		for members := range mistakes {
			subs = append(subs, `{"Bursts": 1, `+members+`}`)
		}
		l.Write("wrong.json", `{"Provider": "aws", "SubExperiments": [`+strings.Join(subs, ", ")+`]}`)
		said := strings.Join(strings.Fields(stellar(l, 2, "-c", "wrong.json", "-o", "wrong")), " ")
		for _, want := range mistakes {
			if !strings.Contains(said, want) {
				t.Errorf("%s: it says\n%s\nwant %q", name, said, want)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(l.Dir, "wrong")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a run was begun (%v)", err)
	}
}

// checkKilled lets `stellar clean` put back what a killed run has changed. While it is not put back, no other run
// measures the function.
func checkKilled(t *testing.T, e *cloud.AWS, l *lab.Lab, before string) {
	t.Helper()
	l.Write("killed.json", `{"Provider": "aws", "SubExperiments": [{"Title": "long", "Function": "stack:shop/Search",
		"Bursts": 5000, "IATSeconds": 0.1, "FunctionMemoryMB": 1024, "ColdStart": "force",
		"Environment": {"TABLE": "new-0815"}}]}`)
	c := l.Command("-c", "killed.json", "-o", "killed")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	l.Until("a changed function that was made cold", func() bool {
		now := configurations(t, e, []string{"shop-search"})[0]
		return strings.Contains(now, `"MemorySize":1024`) && strings.Contains(now, `"`+coldVariable+`"`)
	})
	_ = c.Process.Kill()
	_ = c.Wait()
	journal, err := filepath.Glob(filepath.Join(l.Dir, "killed", "2*", run.JournalFile))
	if err != nil || len(journal) != 1 {
		t.Fatalf("journals %q, %v", journal, err)
	}
	if text, err := os.ReadFile(journal[0]); err != nil || strings.Count(string(text), `"kind":"configuration"`) != 1 {
		t.Errorf("the journal is %s (%v)", text, err)
	}
	if said := stellar(l, 2, "-c", "exp.json", "-o", "second"); !strings.Contains(said,
		"function shop-search is configured by run 2") {
		t.Errorf("a second run says\n%s", said)
	}
	if said := stellar(l, 0, "clean"); !strings.Contains(said, "cleaned") {
		t.Errorf("clean says %s", said)
	}
	if after := configurations(t, e, []string{"shop-search"})[0]; after != before {
		t.Errorf("after kill -9 and clean it is\n%s\nit was\n%s", after, before)
	}
}

// checkNoValues demands that no file of a run below a folder has one of the texts.
func checkNoValues(t *testing.T, dir string, texts ...string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Dir(path) == dir {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		for _, value := range texts {
			if strings.Contains(string(text), value) {
				t.Errorf("%s has %q", path, value)
			}
		}
		return err
	})
	if err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
	fmt.Printf("| no value of the function's variables in %d files of its runs\n", files)
}
