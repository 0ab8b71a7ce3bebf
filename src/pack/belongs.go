package pack

import (
	"fmt"
	"strings"

	"stellar/src/run"
)

// Belongs gives a resource of a journal as its removal may take it, or says why the run with this id does not make such
// a one. remembered tells that the run is in the user's own index: else the journal may be anybody's text, and the only
// names that count are those that follow from the id. A base image has no such name, and a digest is then looked up by
// its tag.
func Belongs(id string, res run.Resource, remembered bool) (run.Resource, error) {
	mine := strings.ToLower(id) + "-"
	_, tag, tagged := cutTag(res.Name)
	switch {
	case res.Kind == KindImage && res.Attrs[attrRun] == "":
		if !remembered {
			return res, fmt.Errorf("image %s: whether run %s has pulled this base image is not known here", res.Name,
				id)
		}
		return res, nil
	case !tagged || !strings.HasPrefix(tag, mine):
		return res, fmt.Errorf("image %s has no tag of run %s", res.Name, id)
	case res.Kind == KindImage && res.Attrs[attrRun] != id:
		return res, fmt.Errorf("image %s carries the label of another run, %s", res.Name, res.Attrs[attrRun])
	case res.Kind == KindPushed && res.Attrs[attrRepository]+":"+res.Attrs[attrTag] != res.Name:
		return res, fmt.Errorf("image %s is entered as tag %s of %s", res.Name, res.Attrs[attrTag],
			res.Attrs[attrRepository])
	case res.Kind == KindPushed && !remembered:
		attrs := map[string]string{}
		for key, value := range res.Attrs {
			if key != attrDigest {
				attrs[key] = value
			}
		}
		res.Attrs = attrs
	}
	return res, nil
}
