package provider

import (
	"context"
	"fmt"
	"time"
)

var _ Renewer = (*azure)(nil)

// Renew gives a resource group a later tag; what is in the group does not notice.
func (a *azure) Renew(ctx context.Context, e Endpoint, until time.Time) error {
	l, err := a.login()
	if err != nil {
		return err
	}
	if s := e.Detail[detailSubscription]; s != "" {
		l.subscription = s
	}
	rest, group := newAzureRest(a.Options, l), e.Detail[DetailUnit]
	if err := rest.tag(ctx, group, map[string]string{tagExpires: until.UTC().Format(time.RFC3339)}); err != nil {
		return fmt.Errorf("renew the tag of resource group %s: %w", group, err)
	}
	return nil
}
