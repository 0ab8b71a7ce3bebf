package provider

import (
	"strings"
	"testing"
)

// TestEnvironment: the forms are those that osls 4.3.1 was seen to read as wanted.
func TestEnvironment(t *testing.T) {
	for value, want := range map[string]string{
		"":                    "",
		"plain $x } { \\":     "plain $x } { \\",
		"${env:A}":            "${env:A, ''}",
		"x${env:A}y${env:B}z": "x${env:A, ''}y${env:B, ''}z",
		"${self:service}":     `\${self:service}`,
		`\${x}`:               `\\\${x}`,
		`\\${x} ${y`:          `\\\\\${x} \${y`,
		`C:\${env:A}`:         `C:\\${env:A, ''}`,
	} {
		got, err := Environment(map[string]string{"V": value})
		if err != nil || string(got["V"]) != want {
			t.Errorf("%s becomes %s, %v; want %s", value, got["V"], err, want)
		}
	}
	for _, value := range []string{"$${x}", `$\${x}`, "$${env:A}"} {
		if got, err := Environment(map[string]string{"V": value}); err == nil ||
			!strings.Contains(err.Error(), "Environment.V: the Serverless CLI cannot") {
			t.Errorf("%s becomes %s, %v", value, got["V"], err)
		}
	}
}
