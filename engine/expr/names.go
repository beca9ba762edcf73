package expr

import "maps"

// The types of the names that the language itself gives to expressions.

// TwinType is what an expression sees of a device twin. When something changed is not a member:
// lastUpdated reads it.
func TwinType() Type {
	return ObjectType(map[string]Type{
		"deviceId": {Kind: String}, "connectionState": {Kind: String}, "status": {Kind: String},
		"tags": {Kind: Object}, "desired": {Kind: Object}, "reported": {Kind: Object},
		"desiredVersion": {Kind: Number}, "reportedVersion": {Kind: Number}, "etag": {Kind: String},
	})
}

// MessageType is what an expression sees of a message from a device.
func MessageType() Type {
	return ObjectType(map[string]Type{
		"deviceId": {Kind: String}, "moduleId": {Kind: String}, "time": {Kind: String},
		"body": {}, "bodyType": {Kind: String}, "properties": {Kind: Object}, "system": {Kind: Object},
	})
}

// RunType is the name run.
func RunType() Type {
	return ObjectType(map[string]Type{
		"id": {Kind: String}, "workflow": {Kind: String}, "startedAt": {Kind: Time}, "trigger": {},
	})
}

// ErrorType is the name error, and a step's error.
func ErrorType() Type {
	return ObjectType(map[string]Type{
		"kind": {Kind: String}, "message": {Kind: String}, "step": {Kind: String},
		"device": {Kind: String}, "maybeDone": {Kind: Bool},
	})
}

// DeviceType is the name device.
func DeviceType() Type {
	return ObjectType(map[string]Type{"id": {Kind: String}, "tags": {Kind: Object}})
}

// StepResultType is steps.<id> of a step whose action has these outputs.
func StepResultType(outputs map[string]Type) Type {
	members := map[string]Type{
		"outcome": {Kind: String}, "error": ErrorType(),
		"startedAt": {Kind: Time}, "finishedAt": {Kind: Time}, "attempts": {Kind: Number},
	}
	maps.Copy(members, outputs)
	return ObjectType(members)
}
