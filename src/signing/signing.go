// Package signing signs requests to AWS Lambda and to function URLs with Signature Version 4. The local platform takes
// the same signatures.
package signing

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Key is an access key. Session is empty for one that does not expire.
type Key struct{ ID, Secret, Session string }

// Sign adds to a request the header fields of a signature that is valid for five minutes from at on. body is the whole
// body of the request. It is called outside of what is measured.
type Sign func(r *http.Request, body []byte, at time.Time) error

// ForLambda gives what signs requests to the Lambda API and to function URLs in a region. key is asked at every
// signature, because a key may be replaced before it expires.
func ForLambda(region string, key func(context.Context) (Key, error)) Sign {
	signer := v4.NewSigner()
	return func(r *http.Request, body []byte, at time.Time) error {
		k, err := key(r.Context())
		if err != nil {
			return fmt.Errorf("find the credentials that sign requests: %w", err)
		}
		sum := sha256.Sum256(body)
		cred := aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret, SessionToken: k.Session}
		return signer.SignHTTP(r.Context(), cred, r, hex.EncodeToString(sum[:]), "lambda", region, at)
	}
}
