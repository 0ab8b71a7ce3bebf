package aws

import (
	"sort"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// resourcesSection is the part of serverless.yml that is CloudFormation's own: what the framework would make with wider
// permissions than the functions need, and what the run wants to know of the stack.
type resourcesSection struct {
	Resources map[string]resource `yaml:"Resources"`
	Outputs   map[string]output   `yaml:"Outputs,omitempty"`
}

type resource struct {
	Type       string         `yaml:"Type"`
	Properties roleProperties `yaml:"Properties"`
}

type roleProperties struct {
	AssumeRolePolicyDocument policy        `yaml:"AssumeRolePolicyDocument"`
	Policies                 []namedPolicy `yaml:"Policies"`
	Tags                     []tag         `yaml:"Tags,omitempty"`
}

type namedPolicy struct {
	PolicyName     string `yaml:"PolicyName"`
	PolicyDocument policy `yaml:"PolicyDocument"`
}

type policy struct {
	Version   provider.Text `yaml:"Version"`
	Statement []statement   `yaml:"Statement"`
}

type statement struct {
	Effect    string            `yaml:"Effect"`
	Principal map[string]string `yaml:"Principal,omitempty"`
	Action    []string          `yaml:"Action"`
	Resource  []substitution    `yaml:"Resource,omitempty"`
}

type substitution struct {
	Sub provider.Text `yaml:"Fn::Sub"`
}

type tag struct {
	Key   string        `yaml:"Key"`
	Value provider.Text `yaml:"Value"`
}

type output struct {
	Description string    `yaml:"Description"`
	Value       attribute `yaml:"Value"`
}

type attribute struct {
	GetAtt []string `yaml:"Fn::GetAtt,flow"`
}

func attributeOf(resource, name string) attribute {
	return attribute{[]string{resource, name}}
}

type iamSection struct {
	Role attribute `yaml:"role"`
}

// extraResources is the functions' role, and the API's address as an output of the stack.
//
// The role may write to the log groups of the unit's functions and do nothing else. Streams get their names from
// Lambda, so the resource ends in ":*", which is how a log group is named in a policy
// (docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html). It may not make log groups:
// the stack makes them, and a function that still answers while the stack is being deleted cannot make its group anew.
func extraResources(r *run.Run, u provider.Unit) resourcesSection {
	logs := statement{Effect: "Allow", Action: []string{"logs:CreateLogStream", "logs:PutLogEvents"}}
	for _, fn := range u.Functions {
		group := logGroup(functionName(u.Name, fn.Name))
		logs.Resource = append(logs.Resource,
			substitution{provider.Text("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:" +
				group + ":*")})
	}
	assume := statement{Effect: "Allow", Principal: map[string]string{"Service": "lambda.amazonaws.com"},
		Action: []string{"sts:AssumeRole"}}
	const version = "2012-10-17" // of the policy language
	role := resource{Type: "AWS::IAM::Role", Properties: roleProperties{
		AssumeRolePolicyDocument: policy{version, []statement{assume}},
		Policies:                 []namedPolicy{{"logs", policy{version, []statement{logs}}}},
		Tags:                     tagList(r.Tags),
	}}
	out := resourcesSection{Resources: map[string]resource{roleID: role}}
	if len(behindAPI(u.Functions)) > 0 {
		out.Outputs = map[string]output{outputAPI: {
			Description: "Address of the HTTP API, as it says itself", Value: attributeOf("HttpApi", "ApiEndpoint")}}
	}
	return out
}

func tagList(tags map[string]string) []tag {
	var out []tag
	for k, v := range tags {
		out = append(out, tag{k, provider.Text(v)})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out
}
