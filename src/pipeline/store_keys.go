package pipeline

import (
	"cmp"
	"context"
	"net"
	"net/url"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/objectstore"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// find gives where the run's bucket is, in the form of the journal, and the keys.
func (o *objectStore) find(ctx context.Context, r *run.Run) (map[string]string, objectstore.Keys, error) {
	named := experiment.Storage{}
	if r.Experiment.Storage != nil {
		named = *r.Experiment.Storage
	}
	attrs := map[string]string{attrBucket: cmp.Or(named.Bucket, bucketName(r.ID))}
	if named.Endpoint == "" {
		kind := r.Experiment.ProviderKind()
		attrs[attrProvider], attrs[attrRegion] = kind, cmp.Or(named.Region, r.Experiment.Region)
		at, keys, err := o.ask(ctx, r, kind, attrs[attrRegion])
		attrs[attrEndpoint], attrs[attrProtocol] = at.Endpoint, at.Protocol
		attrs[attrRegion] = cmp.Or(named.Region, at.Region)
		return attrs, keys, err
	}
	address := named.Endpoint
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	if u, err := url.Parse(address); err == nil && !onThisMachine(r.Experiment.ProviderKind()) && onLoopback(u) {
		return nil, objectstore.Keys{}, fail.Input("Storage.Endpoint %s is on this machine, where functions on %s "+
			"cannot reach it", named.Endpoint, r.Experiment.ProviderKind()).
			WithHint("name a store that both reach, or leave Endpoint out for the provider's own")
	}
	attrs[attrEndpoint], attrs[attrRegion] = address, named.Region
	attrs[attrProtocol] = objectstore.ProtocolOf(address)
	keys, err := o.environmentKeys(attrs[attrProtocol], address)
	return attrs, keys, err
}

func onLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// ask asks a provider for its own store and the keys for it.
func (o *objectStore) ask(ctx context.Context, r *run.Run, kind, region string) (objectstore.Place, objectstore.Keys,
	error) {
	row, err := vendors.Find(kind)
	if err != nil {
		return objectstore.Place{}, objectstore.Keys{}, err
	}
	opts := o.job.ConnectionOptions(r, kind)
	opts.Region = region
	conn, err := row.Open(opts)
	if err != nil {
		return objectstore.Place{}, objectstore.Keys{}, err
	}
	has, ok := conn.(provider.Stores)
	if !ok {
		return objectstore.Place{}, objectstore.Keys{}, fail.Unsupported("%s has no object store that stellar knows",
			kind).
			WithHint("name one with the key Storage")
	}
	at, keys, err := has.Store(ctx)
	if err == nil && keys == (objectstore.Keys{}) {
		keys, err = o.environmentKeys(at.Protocol, at.Endpoint)
	}
	return at, keys, err
}

// Variables with the keys of a store; those of AWS's tools are taken where these are not set.
const (
	envStorageID      = "STELLAR_STORAGE_KEY_ID"
	envStorageSecret  = "STELLAR_STORAGE_SECRET"
	envStorageSession = "STELLAR_STORAGE_SESSION_TOKEN"
)

// environmentKeys are the keys for a store that the environment has.
func (o *objectStore) environmentKeys(protocol, address string) (objectstore.Keys, error) {
	sets := [][3]string{{envStorageID, envStorageSecret, envStorageSession}}
	if protocol != objectstore.AzureBlob {
		sets = append(sets, [3]string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})
	}
	for _, names := range sets {
		keys := objectstore.Keys{ID: o.job.Getenv(names[0]), Secret: o.job.Getenv(names[1]),
			Session: o.job.Getenv(names[2])}
		if keys.ID != "" && keys.Secret != "" {
			return keys, nil
		}
		if keys.ID != "" || keys.Secret != "" {
			return keys, fail.Input("the keys for the object store at %s are incomplete: set both %s and %s", address,
				names[0], names[1])
		}
	}
	return objectstore.Keys{}, fail.Input("there are no keys for the object store at %s: %s and %s are not set",
		address, envStorageID, envStorageSecret).WithHint("set both to an access key and its secret (docs/storage.md)")
}
