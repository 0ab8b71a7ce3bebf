package provider

import (
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Environment is a function's environment in serverless.yml. References ${env:NAME} become those of the Serverless CLI,
// which reads the variables when it deploys: their values are in no file. They are empty where they are not set, so
// that a removal needs no value. Everything else is taken as it stands.
func Environment(env map[string]string) (map[string]Text, error) {
	out := make(map[string]Text, len(env))
	for name, value := range env {
		text, err := environmentText(value)
		if err != nil {
			return nil, &KeyError{Key: "Environment", Err: fail.Input("Environment.%s: %w", name, err)}
		}
		out[name] = Text(text)
	}
	return out, nil
}

// environmentText is one value in the CLI's form.
func environmentText(value string) (string, error) {
	parts, names := experiment.Literals(value)
	var out strings.Builder
	for i, part := range parts {
		escaped, err := EscapeVariables(part)
		if err != nil {
			return "", err
		}
		if i == len(names) {
			out.WriteString(escaped)
			break
		}
		bare := strings.TrimRight(part, `\`)
		if strings.HasSuffix(bare, "$") {
			return "", errDollars()
		}
		out.WriteString(escaped)
		out.WriteString(part[len(bare):]) // doubled: they stand before a reference
		out.WriteString("${env:" + names[i] + ", ''}")
	}
	return out.String(), nil
}

// EscapeVariables writes a text so that the Serverless CLI finds no variable in it: one that a file or the environment
// gives is searched for further ones. ${ becomes \${, and backslashes before it are doubled (osls 4.3.1,
// lib/configuration/variables/parse.js). Where a dollar stands before that, there is no such form.
func EscapeVariables(text string) (string, error) {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		bare := strings.TrimRight(before, `\`)
		if strings.HasSuffix(bare, "$") {
			return "", errDollars()
		}
		out.WriteString(before[len(bare):] + `\${`)
		text = after
	}
}

func errDollars() error {
	return fail.Input("the Serverless CLI cannot be given a value with a dollar before ${")
}
