package registry

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// answerTo is what an error of requests to a registry says of the image.
func answerTo(host string, err error) Answer {
	switch {
	case isMissing(err):
		return Answer{v1alpha1.ImageMissing, "the registry has no such tag"}
	case errors.Is(err, http.ErrSchemeMismatch):
		return Answer{v1alpha1.ImageUnreachable, "the registry serves plain HTTP, not HTTPS: add --insecure-registry " + host}
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return Answer{v1alpha1.ImageUnauthorized, "the registry wants a login: run docker login " + host + ", or add --flux-credentials"}
	case isDenied(err):
		return Answer{v1alpha1.ImageUnauthorized, err.Error()}
	case isUnanswered(err):
		return Answer{v1alpha1.ImageUnreachable, err.Error()}
	default:
		return Answer{v1alpha1.ImageUnknown, err.Error()}
	}
}

// isMissing says whether a registry has confirmed a 404.
func isMissing(err error) bool {
	return errors.Is(err, errdef.ErrNotFound) && !errors.Is(err, errNotConfirmed)
}

// isDenied says whether credentials are missing, wrong or not enough.
func isDenied(err error) bool {
	status := statusOf(err)
	return errors.Is(err, auth.ErrBasicCredentialNotFound) || errors.Is(err, errNoCredential) ||
		status == http.StatusUnauthorized || status == http.StatusForbidden
}

// isOverloaded says whether the registry could not answer however often it was asked: it
// would not answer for another image either. A plain 500 may be about one image alone.
func isOverloaded(err error) bool {
	status := statusOf(err)
	return status == http.StatusTooManyRequests || status > http.StatusInternalServerError
}

// statusOf returns the status that an error comes from; 0, it comes from none.
func statusOf(err error) int {
	if response, isResponse := errors.AsType[*errcode.ErrorResponse](err); isResponse {
		return response.StatusCode
	}
	return 0
}

// isUnanswered says whether no answer came, or none to its end: it is an error of time, of
// the connection or of its TLS. Others that the client has are about what an answer says,
// such as a redirect that leads nowhere.
func isUnanswered(err error) bool {
	ofNet, isOfNet := errors.AsType[net.Error](err)
	_, isConnection := errors.AsType[*net.OpError](err)
	_, isCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, isRecord := errors.AsType[tls.RecordHeaderError](err)
	return isOfNet && ofNet.Timeout() || isConnection || isCertificate || isRecord ||
		errors.Is(err, http.ErrSchemeMismatch) || isBrokenOff(err)
}

// isBrokenOff says whether the connection ended instead of an answer. Without a request's
// error around it, the end is that of a JSON text.
func isBrokenOff(err error) bool {
	request, isRequest := errors.AsType[*url.Error](err)
	return isRequest && (errors.Is(request, io.EOF) || errors.Is(request, io.ErrUnexpectedEOF))
}
