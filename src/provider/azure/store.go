package azure

import (
	"context"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/objectstore"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

var _ provider.Stores = (*connection)(nil)

// Variables of a storage account for payloads, as the Azure CLI has them.
const (
	envStorageAccount = "AZURE_STORAGE_ACCOUNT"
	envStorageKey     = "AZURE_STORAGE_KEY"
)

// Store is Blob Storage of the account that the environment names. The accounts that deployments make are for the
// Functions host alone.
func (a *connection) Store(context.Context) (objectstore.Place, objectstore.Keys, error) {
	account := strings.TrimSpace(a.Getenv(envStorageAccount))
	key := strings.TrimSpace(a.Getenv(envStorageKey))
	if account == "" || key == "" {
		return objectstore.Place{}, objectstore.Keys{}, fail.Input("no storage account for payloads: %s or %s is not "+
			"set", envStorageAccount, envStorageKey).
			WithHint("set both to those of a storage account in the functions' region, or name another object store " +
				"(Storage)")
	}
	return objectstore.Place{Protocol: objectstore.AzureBlob,
		Endpoint: "https://" + account + ".blob.core.windows.net"}, objectstore.Keys{ID: account, Secret: key}, nil
}
