package azure

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// Renew gives a resource group a later tag; what is in the group does not notice.
func (a *connection) Renew(ctx context.Context, u provider.Unit, until time.Time) error {
	l, err := a.login()
	if err != nil {
		return err
	}
	l.subscription = cmp.Or(u.Where[detailSubscription], l.subscription)
	rest := newRestClient(a.Options, l)
	if err := rest.tag(ctx, u.Name, map[string]string{provider.TagExpires: until.UTC().
		Format(time.RFC3339)}); err != nil {
		return fmt.Errorf("renew the tag of resource group %s: %w", u.Name, err)
	}
	return nil
}
