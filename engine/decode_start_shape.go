package engine

import "regexp"

// What starts runs of a workflow, and how many of them may be under way.

var (
	// startID is what names a schedule or a trigger: it stands in addresses of the server, and is no number, since
	// one without an id is called by its number.
	startID = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

	// cronText is as much of what package cron reads as an editor is told.
	cronText = regexp.MustCompile(`^\s*(@\S+(\s+\S+)?|[^@=\s]+(\s+\S+){4})\s*$`)
)

func schedulesShape() *Shape {
	return &Shape{What: "a list of schedules", Doc: "When the server starts a run.", List: &Shape{
		OneIn: "a schedule",
		Keys: []Key{
			{Name: "id", Doc: "Its name in the workflow; its number, from 1, unless given.", Shape: startIDShape("the id of a schedule")},
			{Name: "cron", Required: true, Doc: "Minute, hour, day of month, month and day of week, or a word such as @daily.", Shape: &Shape{
				Kind: KindText, Literal: true, NotEmpty: true, Pattern: cronText,
			}, Sample: `cron: "30 2 * * *"`},
			{Name: "timezone", Doc: "A name such as Europe/Berlin; UTC unless given.", Shape: Name("")},
			{Name: "jitter", Doc: "A run starts up to so long after its time, always the same for the same time; at most 24h.", Shape: jitterShape()},
			{Name: "overlap", Doc: "What happens at its time while the run before has not ended; skip unless given.",
				Shape: OneOf("", string(OverlapSkip), string(OverlapQueue), string(OverlapReplace), string(OverlapAllow))},
			{Name: "missed", Doc: "What happens about times at which no server ran; latest unless given.",
				Shape: OneOf("", string(MissedSkip), string(MissedLatest), string(MissedAll))},
			startInputs(),
		},
		Mistakes: []Mistake{
			{"every", "cron", `write: cron: "@every VALUE"`}, {"interval", "cron", `write: cron: "@every VALUE"`},
			{"at", "cron", `write the time as minute and hour: cron: "30 2 * * *"`}, {"time", "cron", `write the time as minute and hour: cron: "30 2 * * *"`},
			{"tz", "timezone", "did you mean timezone?"}, {"zone", "timezone", "did you mean timezone?"},
			{"name", "id", "did you mean id?"}, {"concurrency", "", "it stands beside schedules:, for all runs of the workflow; for this schedule's runs there is overlap:"},
			{"enabled", "", "leave it out; twinbook schedules pause stops a schedule"},
		},
	}}
}

func triggersShape() *Shape {
	return &Shape{What: "a list of triggers", Doc: "What else has the server start a run.", List: &Shape{
		OneKey: []string{"webhook", "twin"}, OneIn: "a trigger",
		Keys: []Key{
			{Name: "webhook", Doc: "A request to the server's /api/v1/hooks/ID.", Shape: webhookShape()},
			{Name: "twin", Doc: "A device's twin begins to meet a condition.", Shape: twinTriggerShape()},
			startInputs(),
		},
		Mistakes: []Mistake{
			{"message", "", "triggers on messages are not there yet; there are webhook: and twin:"},
			{"cron", "", "it is a schedule: write it under schedules:"},
			{"schedule", "", "write it under schedules:, which stands beside triggers:"},
			{"id", "", "write it inside webhook: or twin:"}, {"where", "", "write it inside twin:"},
			{"secret", "", "write it inside webhook:"}, {"debounce", "", "write it inside twin:"}, {"hub", "", "write it inside twin:"},
		},
	}}
}

func webhookShape() *Shape {
	return &Shape{OneIn: "a webhook", Keys: []Key{
		{Name: "id", Required: true, Doc: "Its name on the server.", Shape: startIDShape("the id of a webhook"), Sample: "id: NAME"},
		{Name: "secret", Doc: "The name of a secret in the configuration: it signs requests, or comes as their bearer token. The server's own tokens unless given.",
			Shape: &Shape{Kind: KindText, Literal: true, IsName: true, Private: true, What: "the name of a secret"}},
	}, Mistakes: []Mistake{{"token", "secret", "did you mean secret?"}, {"path", "id", "the path follows from the id: /api/v1/hooks/ID"}, {"url", "id", "the URL follows from the id: /api/v1/hooks/ID"}}}
}

func twinTriggerShape() *Shape {
	return &Shape{OneIn: "a twin trigger", Keys: []Key{
		{Name: "id", Doc: "Its name in the workflow; its number among the triggers, from 1, unless given.", Shape: startIDShape("the id of a trigger")},
		{Name: "where", Required: true, Doc: "What must begin to hold of a twin.", Shape: &Shape{Kind: KindCond, Sees: []string{"twin"}}, Sample: `where: twin.reported.status == "faulty"`},
		{Name: "hub", Doc: "Whose devices, where it is not the workflow's hub.", Shape: Text("A name from the configuration.")},
		{Name: "debounce", Doc: "How long it must have held without a break.", Shape: literalDuration()},
	}, Mistakes: []Mistake{
		{"until", "where", "did you mean where?"}, {"if", "where", "did you mean where?"}, {"when", "where", "did you mean where?"},
		{"device", "", `say it in the condition: where: twin.deviceId == "…" and …`},
	}}
}

// concurrencyShape is what bounds how many runs are under way.
func concurrencyShape() *Shape {
	return &Shape{OneIn: "concurrency", Keys: []Key{
		{Name: "key", Required: true, Doc: "Runs with the same key share the places, also those of other workflows.", Shape: &Shape{Kind: KindText, NotEmpty: true},
			Sample: `key: "${{ inputs.device }}", or any text`},
		{Name: "limit", Doc: "How many may be under way; 1 unless given.", Shape: &Shape{Kind: KindInt, Literal: true, Min: &one}},
		{Name: "whenFull", Doc: "What becomes of a run when all places are taken; queue unless given.", Shape: OneOf("", string(Queue), string(Reject), string(Replace))},
	}, Mistakes: []Mistake{
		{"group", "key", "did you mean key?"}, {"max", "limit", "did you mean limit?"},
		{"cancel-in-progress", "whenFull", "write: whenFull: replace"}, {"overlap", "whenFull", "did you mean whenFull?"},
	}}
}

func startIDShape(what string) *Shape {
	return &Shape{Kind: KindText, Literal: true, NotEmpty: true, Pattern: startID, Instead: "use letters, digits, - and _, a letter first", What: what}
}

func literalDuration() *Shape {
	s := durationShape()
	s.Literal = true
	return s
}

func jitterShape() *Shape {
	s, most := literalDuration(), MaxJitter.Seconds()
	s.Max = &most
	return s
}

func startInputs() Key {
	return Key{Name: "inputs", Doc: "What a run is given; what started it is run.trigger.", Shape: &Shape{Map: &Shape{Kind: KindAny}, Names: "input"}}
}
