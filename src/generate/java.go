package generate

import "stellar/src/fail"

func java() language {
	return language{
		handler: "stellar.Measure::handle",
		own: func(dir, handler string) (string, error) {
			return "", fail.Unsupported("functions of your own in java: %s, handler %q", dir, handler)
		},
	}
}
