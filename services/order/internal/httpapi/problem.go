package httpapi

import (
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/murmuration-dev/murmuration/pkg/httpserver"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/services/order"
)

// problem turns a refusal into what RFC 9457 calls a problem; every other error
// is internal, and hidden from clients.
func problem(err error) error {
	var invalid *order.InvalidError
	switch {
	case errors.As(err, &invalid):
		details := make([]error, len(invalid.Fields))
		for i, f := range invalid.Fields {
			details[i] = &huma.ErrorDetail{Location: "body." + f.Field, Message: f.Message}
		}
		return httpserver.Problem(http.StatusUnprocessableEntity, httpserver.KindInvalid, "The order cannot be accepted as it is.", details...)
	case errors.Is(err, order.ErrUnknown):
		return httpserver.Problem(http.StatusNotFound, httpserver.KindNotFound, err.Error())
	case errors.Is(err, order.ErrAlreadyPlaced):
		return httpserver.Problem(http.StatusConflict, "order-exists", err.Error())
	case errors.Is(err, order.ErrRefused):
		return httpserver.Problem(http.StatusConflict, "order-refused", err.Error())
	}
	return participant.Problem(err)
}
