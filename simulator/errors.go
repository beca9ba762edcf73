package simulator

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twinbook/twinbook/hub"
)

// A code is one kind of error of the service, in Azure's terms and in ours.
type code struct {
	status int    // of the HTTP answer
	number int    // errorCode in bodies
	name   string // in the header and in messages
	kind   hub.Kind
}

// The codes in use; names and numbers are those of Azure's service SDKs.
var (
	notInThisState   = code{400, 400000, "OperationNotAllowedInCurrentState", hub.Invalid}
	badVersion       = code{400, 400001, "InvalidProtocolVersion", hub.Invalid}
	argumentInvalid  = code{400, 400004, "ArgumentInvalid", hub.Invalid}
	definedTwice     = code{400, 400011, "DeviceDefinedMultipleTimes", hub.Invalid}
	otherCursor      = code{400, 400900, "CursorOfAnotherHub", hub.Invalid} // our own
	bulkFailure      = code{400, 400013, "BulkRegistryOperationFailure", hub.Invalid}
	unauthorized     = code{401, 401003, "IotHubUnauthorized", hub.Unauthorized}
	noPermission     = code{401, 401002, "IotHubUnauthorizedAccess", hub.Unauthorized}
	jobQuota         = code{403, 403003, "JobQuotaExceeded", hub.Throttled}
	queueFull        = code{403, 403004, "DeviceMaximumQueueDepthExceeded", hub.Throttled}
	tooManyProps     = code{403, 403100, "DeviceModelMaxPropertiesExceeded", hub.Invalid}
	notFound         = code{404, 404000, "GenericNotFound", hub.NotFound}
	deviceNotFound   = code{404, 404001, "DeviceNotFound", hub.NotFound}
	jobNotFound      = code{404, 404002, "JobNotFound", hub.NotFound}
	moduleNotFound   = code{404, 404010, "ModuleNotFound", hub.NotFound}
	deviceNotOnline  = code{404, 404103, "DeviceNotOnline", hub.Offline}
	connectionClosed = code{404, 404104, "DeviceConnectionClosedRemotely", hub.Interrupted}
	noMethod         = code{405, 405000, "MethodNotAllowed", hub.Invalid}
	jobExists        = code{409, 409000, "JobAlreadyExists", hub.Conflict}
	deviceExists     = code{409, 409001, "DeviceAlreadyExists", hub.Conflict}
	moduleExists     = code{409, 409301, "ModuleAlreadyExistsOnDevice", hub.Conflict}
	etagMismatch     = code{412, 412001, "PreconditionFailed", hub.Conflict}
	messageTooLarge  = code{413, 413001, "MessageTooLarge", hub.Invalid}
	throttled        = code{429, 429001, "ThrottlingException", hub.Throttled}
	tooManyActive    = code{429, 429004, "ThrottlingMaxActiveJobCountExceeded", hub.Throttled}
	serverError      = code{500, 500001, "ServerError", hub.Unavailable}
	notImplemented   = code{501, 501000, "GenericNotImplemented", hub.Invalid}
	badAnswer        = code{502, 502000, "GenericBadGateway", hub.Failed}
	unavailable      = code{503, 503001, "ServiceUnavailable", hub.Unavailable}
	responseTimeout  = code{504, 504101, "GatewayTimeout", hub.Timeout}
	interrupted      = code{500, 500000, "JobInterrupted", hub.Interrupted}       // in rows of jobs only
	jobTimeUp        = code{504, 504000, "JobExecutionTimeExceeded", hub.Timeout} // in rows of jobs only
)

// A fault is an error that the service answers, on whatever way it was asked.
type fault struct {
	code
	text  string        // as Azure says it
	plain string        // in our words, with what to do; empty: text is plain enough
	sent  bool          // the request had reached the device
	allow string        // the header Allow; empty: there is none
	again time.Duration // Retry-After, in whole seconds; 0: there is none

	waited time.Duration // for the device
}

func (f *fault) Error() string {
	if f.plain != "" {
		return f.plain
	}
	return f.text
}

func (c code) fault(format string, args ...any) *fault {
	return &fault{code: c, text: fmt.Sprintf(format, args...)}
}

func (f *fault) saying(format string, args ...any) *fault {
	f.plain = fmt.Sprintf(format, args...)
	return f
}

func (f *fault) afterSending() *fault {
	f.sent = true
	return f
}

func (f *fault) after(waited time.Duration) *fault {
	f.waited = waited
	return f
}

func unknownDevice(id string) *fault {
	return deviceNotFound.fault("Device %s not registered.", printable(id)).
		saying("the simulator has no device %s; check the id, or add the device to the simulator", id)
}

func unknownModule(id, module string) *fault {
	return moduleNotFound.fault("Module %s/%s not registered.", printable(id), printable(module)).
		saying("device %s has no module %s in the simulator; check the id, or make the module", id, module)
}

// notRegistered is the fault of a device, or of a module "D/M", that is not in the registry.
func notRegistered(id string) *fault {
	if device, module, isModule := strings.Cut(id, "/"); isModule {
		return unknownModule(device, module)
	}
	return unknownDevice(id)
}

// asFault is err as the service answers it. Everything here fails with a fault.
func asFault(err error) *fault {
	var f *fault
	if !errors.As(err, &f) {
		panic(fmt.Sprintf("simulator: an error that is no fault: %v", err))
	}
	return f
}

// length is a duration as files write it: 5m and 7d, where Go has 5m0s and 168h0m0s.
func length(d time.Duration) string {
	const day = 24 * time.Hour
	if d > 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	text := d.String()
	for _, none := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, none) {
			text = text[:len(text)-2]
		}
	}
	return text
}
