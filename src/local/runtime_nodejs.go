package local

import (
	"regexp"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
)

func nodeFamily() family {
	return family{
		ids:          regexp.MustCompile(`^nodejs(\d+\.x)?$`),
		interpreters: func(string) []string { return []string{"node", "nodejs"} },
		ask:          []string{"-e", "console.log(process.execPath + '\\n' + process.versions.node)"},
		label:        "Node.js",
		hint:         "install Node.js 18 or later, or put node on the PATH of the platform",
		script:       "bootstrap.js",
		source:       func() []byte { return bootstraps.Node },
		args:         func(script, handler string) []string { return []string{script, handler, "isolated"} },
	}
}
