package content

import (
	"fmt"
	"path"
	"strings"
)

// Match makes a matcher of a glob over slash-separated names: * ? [a-z] within a name, {a,b} alternatives, ** any
// number of folders.
func Match(pattern string) (func(name string) bool, error) {
	var globs [][]string
	alternatives, err := expand(pattern)
	if err != nil {
		return nil, err
	}
	for _, p := range alternatives {
		p = strings.TrimPrefix(strings.TrimPrefix(p, "./"), "/")
		if p == "" || strings.HasSuffix(p, "/") {
			p += "**"
		}
		segments := strings.Split(p, "/")
		for _, s := range segments {
			if _, err := path.Match(s, ""); err != nil {
				return nil, fmt.Errorf("%w: %q", err, s)
			}
		}
		globs = append(globs, segments)
	}
	return func(name string) bool {
		segments := strings.Split(name, "/")
		for _, g := range globs {
			if matches(g, segments) {
				return true
			}
		}
		return false
	}, nil
}

func matches(glob, name []string) bool {
	for len(glob) > 0 {
		if glob[0] == "**" {
			for i := range len(name) + 1 {
				if matches(glob[1:], name[i:]) {
					return true
				}
			}
			return false
		}
		if len(name) == 0 {
			return false
		}
		if ok, _ := path.Match(glob[0], name[0]); !ok {
			return false
		}
		glob, name = glob[1:], name[1:]
	}
	return len(name) == 0
}

// expand writes out the first brace group of a pattern, then those of the results, until there is none.
func expand(pattern string) ([]string, error) {
	const most = 1000
	open := strings.IndexByte(pattern, '{')
	if open < 0 {
		if strings.IndexByte(pattern, '}') >= 0 {
			return nil, fmt.Errorf("%w: } without {", path.ErrBadPattern)
		}
		return []string{pattern}, nil
	}
	depth, from := 0, open+1
	var parts []string
	for i := open; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '{':
			depth++
		case c == ',' && depth == 1:
			parts = append(parts, pattern[from:i])
			from = i + 1
		case c == '}':
			if depth--; depth > 0 {
				continue
			}
			var all []string
			for _, part := range append(parts, pattern[from:i]) {
				more, err := expand(pattern[:open] + part + pattern[i+1:])
				if err != nil {
					return nil, err
				}
				if all = append(all, more...); len(all) > most {
					return nil, fmt.Errorf("%w: more than %d alternatives", path.ErrBadPattern, most)
				}
			}
			return all, nil
		}
	}
	return nil, fmt.Errorf("%w: { without }", path.ErrBadPattern)
}
