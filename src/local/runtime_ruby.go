package local

import (
	"regexp"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
)

func rubyFamily() family {
	return family{
		ids: regexp.MustCompile(`^ruby(\d\.\d)?$`),
		interpreters: func(id string) []string {
			if id == "ruby" {
				return []string{"ruby"}
			}
			return []string{id, "ruby"} // Debian names each version's program so
		},
		ask:    []string{"-e", "require 'rbconfig'; puts RbConfig.ruby, RUBY_VERSION"},
		label:  "Ruby",
		hint:   "install Ruby (apt install ruby, brew install ruby), or put ruby on the PATH of the platform",
		script: "bootstrap.rb",
		source: func() []byte { return bootstraps.Ruby },
		args:   func(script, handler string) []string { return []string{script, handler, "isolated"} },
	}
}
