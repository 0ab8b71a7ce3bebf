package azure

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// settings are the application settings of an app, which its functions see as variables. They hold secrets: they are
// never written anywhere.
func (a *restClient) settings(ctx context.Context, group, app string) (map[string]string, error) {
	var list struct{ Properties map[string]string }
	err := a.ask(ctx, http.MethodPost, a.site(group, app)+"/config/appsettings/list",
		url.Values{"api-version": {armSites}}, &list)
	return list.Properties, err
}

// setCold sets the setting of cold starts, nil: removes it, and returns when Azure shows it. Azure takes settings as a
// whole, and makes the instances of the app anew after a change
// (learn.microsoft.com/rest/api/appservice/web-apps/update-application-settings). It gives the settings of before.
func (a *restClient) setCold(ctx context.Context, group, app string, value *string) (map[string]string, error) {
	was, err := a.settings(ctx, group, app)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(was)
	if all == nil {
		all = map[string]string{}
	}
	delete(all, provider.ColdVariable)
	if value != nil {
		all[provider.ColdVariable] = *value
	}
	body, err := json.Marshal(map[string]any{"properties": all})
	if err != nil {
		return nil, err
	}
	if err := a.tell(ctx, http.MethodPut, a.site(group, app)+"/config/appsettings",
		url.Values{"api-version": {armSites}}, body, nil); err != nil {
		return nil, err
	}
	const first, last = 200 * time.Millisecond, 2 * time.Second
	for wait := first; ; wait = min(2*wait, last) {
		now, err := a.settings(ctx, group, app)
		if err != nil {
			return nil, err
		}
		if shown, set := now[provider.ColdVariable]; set == (value != nil) && (!set || shown == *value) {
			return was, nil
		}
		if err := provider.Pause(ctx, min(wait, a.Patience.Wait)); err != nil {
			return nil, fmt.Errorf("app %s does not show its new settings: %w", app, err)
		}
	}
}

// appOf is the app of an endpoint or of what the journal holds of one, and a client of its subscription.
func (a *connection) appOf(detail map[string]string) (*restClient, appNames, error) {
	l, err := a.login()
	if err != nil {
		return nil, appNames{}, err
	}
	unit := detail[provider.DetailUnit]
	if unit == "" {
		return nil, appNames{}, errors.New("the resource group of a function is not named")
	}
	l.subscription = cmp.Or(detail[detailSubscription], l.subscription)
	return newRestClient(a.Options, l), namesOf(provider.Unit{Name: unit}), nil
}

// Configuration gives what a cold start changes of an app, and where the app is.
func (a *connection) Configuration(ctx context.Context, e provider.Endpoint) (map[string]string, error) {
	rest, at, err := a.appOf(e.Detail)
	if err != nil {
		return nil, err
	}
	all, err := rest.settings(ctx, at.Group, at.App)
	if err != nil {
		return nil, err
	}
	out := map[string]string{detailSubscription: rest.subscription, provider.WasHash: settingsHash(all)}
	if value, set := all[provider.ColdVariable]; set {
		out[provider.WasCold] = value
	}
	return out, nil
}

// Restore puts back what cold starts have changed of an app.
func (a *connection) Restore(ctx context.Context, was map[string]string) error {
	rest, at, err := a.appOf(was)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.Patience.Command)
	defer cancel()
	var value *string
	if old, set := was[provider.WasCold]; set {
		value = &old
	}
	// Whatever the settings seem to be: what Azure shows may be older than the last change.
	now, err := rest.setCold(ctx, at.Group, at.App, value)
	var said *armError
	if errors.As(err, &said) && said.status == http.StatusNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	after, err := rest.settings(ctx, at.Group, at.App)
	switch hash := settingsHash(after); {
	case err != nil:
		return err
	case hash != settingsHash(now):
		return fmt.Errorf("app %s: more than %s has changed while it was put back", at.App, provider.ColdVariable)
	case hash != was[provider.WasHash] && a.Log != nil:
		a.Log.Warnf("app %s: %s is put back; others have changed its other settings during the run, which are left as "+
			"they are", at.App, provider.ColdVariable)
	}
	return nil
}

// settingsHash is a hash of all settings beside that of cold starts.
func settingsHash(all map[string]string) string {
	rest := maps.Clone(all)
	delete(rest, provider.ColdVariable)
	text, _ := json.Marshal(rest) // texts by texts, in the order of their names: it cannot fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
