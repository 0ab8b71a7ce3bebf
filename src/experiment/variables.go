package experiment

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// A reference to a variable of the environment is ${env:NAME}. It stays as it is in everything that is written; only
// Expand replaces it by the value.
const (
	variableBegin = "${env:"
	variableEnd   = "}"
)

// variableName is the form of the names of variables; compiled once, never changed.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checkVariables refuses references that are not whole.
func checkVariables(text string) error {
	for _, part := range strings.Split(text, variableBegin)[1:] {
		name, _, closed := strings.Cut(part, variableEnd)
		if !closed || !variableName.MatchString(name) {
			return errors.New(`"${env:" begins the name of an environment variable; want ${env:NAME}`)
		}
	}
	return nil
}

// Literals gives the parts of a text between its references, and the names that these have: a text with n references
// has n+1 parts.
func Literals(text string) (parts, names []string) {
	all := strings.Split(text, variableBegin)
	parts = append(parts, all[0])
	for _, part := range all[1:] {
		name, rest, _ := strings.Cut(part, variableEnd)
		names, parts = append(names, name), append(parts, rest)
	}
	return parts, names
}

// Expand replaces each ${env:NAME} of a text by what value gives for the name. Values are not looked at: one that holds
// such a reference itself keeps it.
func Expand(text string, value func(name string) string) string {
	parts, names := Literals(text)
	var out strings.Builder
	out.WriteString(parts[0])
	for i, name := range names {
		out.WriteString(value(name))
		out.WriteString(parts[i+1])
	}
	return out.String()
}

// CheckVariables names the variables that have no value, or one that cannot be sent, each with the key that asks for
// it; nil where there are none. An empty value is none. No value is in the error.
func (s *SubExperiment) CheckVariables(wanted []Variable, getenv func(string) string) error {
	var missing []string
	first := ""
	for _, v := range wanted {
		switch value := getenv(v.Name); {
		case value == "":
			missing = append(missing, fmt.Sprintf("%s: the environment variable %s is not set", v.Key, v.Name))
			first = cmp.Or(first, v.Name)
		case v.Key == "Headers" && strings.ContainsFunc(value, isControl):
			missing = append(missing, fmt.Sprintf("%s: the value of the environment variable %s has a control "+
				"character, which no header field can hold", v.Key, v.Name))
			first = cmp.Or(first, v.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fail.Input("%s", strings.Join(missing, "; ")).
		WithHint("the experiment file asks for values from the environment: `export %s=…` gives one", first)
}
