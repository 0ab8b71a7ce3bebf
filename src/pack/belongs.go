package pack

import (
	"fmt"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Belongs returns a resource of a journal in the form that its removal takes, or says why the run with this id cannot
// have created it. remembered means that the run is in the user's own index. Otherwise, anybody may have written the
// journal, and only names that follow from the id count. A base image has no such name, and a digest is then looked up
// by its tag.
func Belongs(id string, res run.Resource, remembered bool) (run.Resource, error) {
	mine := strings.ToLower(id) + "-"
	_, tag, tagged := cutTag(res.Name)
	switch {
	case res.Kind == KindContainer && strings.HasPrefix(res.Name, containersOf(id)):
		return res, nil
	case res.Kind == KindContainer:
		return res, fmt.Errorf("container %s is not one of run %s", res.Name, id)
	case res.Kind == KindImage && res.Attrs[attrRun] == "":
		if !remembered {
			return res, fmt.Errorf("image %s: it is not known here whether run %s pulled this base image", res.Name,
				id)
		}
		return res, nil
	case !tagged || !strings.HasPrefix(tag, mine):
		return res, fmt.Errorf("image %s has no tag of run %s", res.Name, id)
	case res.Kind == KindImage && res.Attrs[attrRun] != id:
		return res, fmt.Errorf("image %s has the label of another run, %s", res.Name, res.Attrs[attrRun])
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
