package cloud

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// azureGroups is what Azure Resource Manager knows of resource groups, wherever an account keeps them. An error code
// that is not empty is Azure's own.
type azureGroups interface {
	list() []*AzureGroup // those that carry tags of runs
	find(name string) (g *AzureGroup, code string)
	remove(name string) (code string)
	tag(name string, tags map[string]string)
}

var groupPath = regexp.MustCompile(`(?i)^/subscriptions/([^/]+)/resourcegroups(?:/([^/]+)(/.*)?)?$`)

const tagsPath = "/providers/Microsoft.Resources/tags/default"

// serveGroups answers about resource groups as a whole (learn.microsoft.com/rest/api/resources/resource-groups, and
// …/tags/update-at-scope). It reports false where a request is about something else.
func serveGroups(w http.ResponseWriter, r *http.Request, groups azureGroups) bool {
	m := groupPath.FindStringSubmatch(r.URL.Path)
	if m == nil || m[3] != "" && m[3] != tagsPath {
		return false
	}
	name := m[2]
	switch {
	case name == "" && r.Method == http.MethodGet:
		answer(w, http.StatusOK, map[string]any{"value": append([]*AzureGroup{}, groups.list()...)})
	case m[3] == tagsPath && r.Method == http.MethodPatch:
		var in struct {
			Properties struct{ Tags map[string]string }
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			refuse(w, "InvalidRequestContent")
			return true
		}
		groups.tag(name, in.Properties.Tags)
	case r.Method == http.MethodGet:
		g, code := groups.find(name)
		if code != "" {
			refuse(w, code)
			return true
		}
		answer(w, http.StatusOK, g)
	case r.Method == http.MethodDelete:
		if code := groups.remove(name); code != "" {
			refuse(w, code)
			return true
		}
		w.WriteHeader(http.StatusAccepted)
	default:
		return false
	}
	return true
}

// refuse answers with an error of Azure's.
func refuse(w http.ResponseWriter, code string) {
	status := map[string]int{"ResourceGroupNotFound": http.StatusNotFound, "ResourceNotFound": http.StatusNotFound,
		"AuthorizationFailed": http.StatusForbidden, "TooManyRequests": http.StatusTooManyRequests,
		"InternalServerError": http.StatusInternalServerError, "ServiceUnavailable": http.StatusServiceUnavailable,
		"StorageAccountAlreadyTaken": http.StatusConflict, "DeploymentActive": http.StatusConflict,
		"ScopeLocked": http.StatusConflict, "InvalidRequestContent": http.StatusBadRequest}[code]
	answer(w, status, map[string]any{"error": map[string]string{"code": code,
		"message": code + ", says the account of this test"}})
}

// azureLogin answers for Azure's login, in its two versions. It takes the secrets of a principal that it knows.
func azureLogin(w http.ResponseWriter, r *http.Request, known func(secret string) bool) {
	err := r.ParseForm()
	if err != nil || !known(r.Form.Get("client_secret")) || r.Form.Get("grant_type") != "client_credentials" {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client",
			"error_description": "AADSTS7000215: Invalid client secret provided."})
		return
	}
	if strings.Contains(r.URL.Path, "v2.0") {
		answer(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": azureToken})
		return
	}
	answer(w, http.StatusOK, map[string]string{"token_type": "Bearer", "expires_in": "3600", "expires_on": "9999999999",
		"not_before": "0", "resource": r.Form.Get("resource"), "access_token": azureToken})
}

// azureToken is what the login gives.
const azureToken = "token-of-the-test"
