package generate

import (
	"sort"

	"stellar/src/provider"
	"stellar/src/run"
)

// awsResources is the part of serverless.yml that is CloudFormation's own: what the framework would make with wider
// permissions than the functions need, and what the run wants to know of the stack.
type awsResources struct {
	Resources map[string]awsResource `yaml:"Resources"`
	Outputs   map[string]awsOutput   `yaml:"Outputs"`
}

type awsResource struct {
	Type       string        `yaml:"Type"`
	Properties awsRoleFields `yaml:"Properties"`
}

type awsRoleFields struct {
	AssumeRolePolicyDocument awsPolicy        `yaml:"AssumeRolePolicyDocument"`
	Policies                 []awsNamedPolicy `yaml:"Policies"`
	Tags                     []awsTag         `yaml:"Tags,omitempty"`
}

type awsNamedPolicy struct {
	PolicyName     string    `yaml:"PolicyName"`
	PolicyDocument awsPolicy `yaml:"PolicyDocument"`
}

type awsPolicy struct {
	Version   text           `yaml:"Version"`
	Statement []awsStatement `yaml:"Statement"`
}

type awsStatement struct {
	Effect    string            `yaml:"Effect"`
	Principal map[string]string `yaml:"Principal,omitempty"`
	Action    []string          `yaml:"Action"`
	Resource  []awsSub          `yaml:"Resource,omitempty"`
}

type awsSub struct {
	Sub text `yaml:"Fn::Sub"`
}

type awsTag struct {
	Key   string `yaml:"Key"`
	Value text   `yaml:"Value"`
}

type awsOutput struct {
	Description string   `yaml:"Description"`
	Value       awsGetAt `yaml:"Value"`
}

type awsGetAt struct {
	GetAtt []string `yaml:"Fn::GetAtt,flow"`
}

func getAtt(resource, attribute string) awsGetAt {
	return awsGetAt{[]string{resource, attribute}}
}

type awsIAM struct {
	Role awsGetAt `yaml:"role"`
}

// awsExtra is the functions' role, and the API's address as an output of the stack.
//
// The role may write to the log groups of the unit's functions and do nothing else. Streams get their names from Lambda, so
// the resource ends in ":*", which is how a log group is named in a policy
// (docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html). It may not make log groups: the
// stack makes them, and a function that still answers while the stack is being deleted cannot make its group anew.
func awsExtra(r *run.Run, u provider.Unit) awsResources {
	logs := awsStatement{Effect: "Allow", Action: []string{"logs:CreateLogStream", "logs:PutLogEvents"}}
	for _, fn := range u.Functions {
		group := provider.AWSLogGroup(provider.AWSFunctionName(u.Name, fn.Name))
		logs.Resource = append(logs.Resource, awsSub{text("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:" + group + ":*")})
	}
	assume := awsStatement{Effect: "Allow", Principal: map[string]string{"Service": "lambda.amazonaws.com"}, Action: []string{"sts:AssumeRole"}}
	const version = "2012-10-17" // of the policy language
	role := awsResource{Type: "AWS::IAM::Role", Properties: awsRoleFields{
		AssumeRolePolicyDocument: awsPolicy{version, []awsStatement{assume}},
		Policies:                 []awsNamedPolicy{{"logs", awsPolicy{version, []awsStatement{logs}}}},
		Tags:                     awsTags(r.Tags),
	}}
	return awsResources{
		Resources: map[string]awsResource{provider.AWSRole: role},
		Outputs: map[string]awsOutput{provider.AWSOutputAPI: {
			Description: "Address of the HTTP API, as it says itself", Value: getAtt("HttpApi", "ApiEndpoint")}},
	}
}

func awsTags(tags map[string]string) []awsTag {
	var out []awsTag
	for k, v := range tags {
		out = append(out, awsTag{k, text(v)})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Key < out[j].Key })
	return out
}
