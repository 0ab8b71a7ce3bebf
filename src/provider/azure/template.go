package azure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/run"
)

// The template of what one function needs: a storage account, a plan, and the app on it. The plugin's own templates are
// not used. They ask for versions of the platform that no longer run, and for Application Insights, which makes a
// workspace in a resource group that no removal knows.
//
// learn.microsoft.com/azure/azure-functions/functions-infrastructure-as-code (Consumption, Linux)

type armTemplate struct {
	Schema         string        `json:"$schema"`
	ContentVersion string        `json:"contentVersion"`
	Parameters     struct{}      `json:"parameters"`
	Resources      []armResource `json:"resources"`
}

type armResource struct {
	Type       string            `json:"type"`
	APIVersion string            `json:"apiVersion"`
	Name       string            `json:"name"`
	Location   string            `json:"location"`
	Kind       string            `json:"kind"`
	Tags       map[string]string `json:"tags,omitempty"`
	SKU        map[string]string `json:"sku,omitempty"`
	DependsOn  []string          `json:"dependsOn,omitempty"`
	Properties map[string]any    `json:"properties"`
}

type armSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

const (
	armWeb     = "2022-09-01"
	armStorage = "2022-09-01"
	armHere    = "[resourceGroup().location]"
)

// templateText is the template's text.
func templateText(fn *run.Function, rt runtime, names appNames, tags map[string]string) ([]byte, error) {
	storage := fmt.Sprintf("[resourceId('Microsoft.Storage/storageAccounts', '%s')]", names.Storage)
	plan := fmt.Sprintf("[resourceId('Microsoft.Web/serverfarms', '%s')]", names.Plan)
	site := map[string]any{"appSettings": appSettings(fn, rt, names), "ftpsState": "Disabled", "minTlsVersion": "1.2"}
	if rt.stack != "" {
		site["linuxFxVersion"] = rt.stack
	}
	t := armTemplate{
		Schema:         "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
		ContentVersion: "1.0.0.0",
		Resources: []armResource{
			{Type: "Microsoft.Storage/storageAccounts", APIVersion: armStorage, Name: names.Storage, Location: armHere,
				Kind: "StorageV2", Tags: tags,
				SKU: map[string]string{"name": "Standard_LRS"},
				Properties: map[string]any{"allowBlobPublicAccess": false, "minimumTlsVersion": "TLS1_2",
					"supportsHttpsTrafficOnly": true}},
			{Type: "Microsoft.Web/serverfarms", APIVersion: armWeb, Name: names.Plan, Location: armHere, Kind: "linux",
				Tags: tags,
				SKU:  map[string]string{"name": "Y1", "tier": "Dynamic"}, Properties: map[string]any{"reserved": true}},
			{Type: "Microsoft.Web/sites", APIVersion: armWeb, Name: names.App, Location: armHere,
				Kind: "functionapp,linux", Tags: tags,
				DependsOn: []string{storage, plan},
				Properties: map[string]any{"serverFarmId": plan, "reserved": true, "clientAffinityEnabled": false,
					"httpsOnly":  false, // a redirect would be measured
					"siteConfig": site}},
		},
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(t)
	return out.Bytes(), err
}

// appSettings are the app's, among them what the function finds in its environment.
func appSettings(fn *run.Function, rt runtime, names appNames) []armSetting {
	account := fmt.Sprintf("[concat('DefaultEndpointsProtocol=https;AccountName=%s;EndpointSuffix=', "+
		"environment().suffixes.storage, ';AccountKey=', "+
		"listKeys(resourceId('Microsoft.Storage/storageAccounts', '%s'), '%s').keys[0].value)]", names.Storage,
		names.Storage, armStorage)
	limit := time.Duration(fn.TimeoutSeconds) * time.Second
	all := []armSetting{
		{"FUNCTIONS_EXTENSION_VERSION", "~4"},
		{"FUNCTIONS_WORKER_RUNTIME", rt.worker},
		{"AzureWebJobsStorage", account},
		{"WEBSITE_CONTENTAZUREFILECONNECTIONSTRING", account},
		{"WEBSITE_CONTENTSHARE", names.App},
		// A setting in place of host.json's functionTimeout: packages are the same whatever the timeout is.
		{"AzureFunctionsJobHost__functionTimeout",
			fmt.Sprintf("%02d:%02d:%02d", int(limit.Hours()), int(limit.Minutes())%60, int(limit.Seconds())%60)},
		// The package goes as it is: nothing is installed or built there.
		{"SCM_DO_BUILD_DURING_DEPLOYMENT", "false"},
		{"ENABLE_ORYX_BUILD", "false"},
	}
	for _, n := range slices.Sorted(maps.Keys(fn.Env)) {
		v := fn.Env[n]
		if strings.HasPrefix(v, "[") {
			v = "[" + v // or it would be an expression
		}
		all = append(all, armSetting{n, v})
	}
	return all
}
