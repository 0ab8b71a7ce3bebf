package experiment

import "slices"

// SchemaID is the $id of the schema.
const SchemaID = "urn:stellar:experiment"

// Schema gives the JSON schema (draft 2020-12) of experiment files, made from the table that decodes them, indented,
// for editors and `stellar schema`. known are the providers that a file may name.
func Schema(known []Provider) []byte {
	keys := withExceptions(subKeys(), known)
	sub := objectSchema(keys)
	// Bursts is required unless something else takes its place or the sweep brings it.
	others := typeNames(func(t subType) bool { return !t.bursts })
	sub = append(sub, pair{"anyOf", []ordered{
		{{"required", []string{"Bursts"}}},
		{{"required", []string{"RatePerSecond"}}},
		{{"required", []string{"Arrivals"}}},
		{{"required", []string{"Sweep"}}},
		{{"properties", ordered{{"Type", ordered{{"enum", others}}}}}, {"required", []string{"Type"}}},
	}})
	top := objectSchema(topKeys(known))
	doc := append(ordered{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", SchemaID},
		{"title", "stellar experiment"},
		{"description", "What stellar measures: functions, how they are deployed, and the bursts they get."},
	}, top...)
	doc = append(doc, pair{"$defs", ordered{{"subExperiment", sub}}})
	text, err := indented(doc)
	if err != nil { // words and numbers always encode
		return nil
	}
	return text
}

// objectSchema is the schema of an object with these keys and no others.
func objectSchema(keys []key) ordered {
	properties, required := ordered{}, []string{}
	for _, k := range keys {
		properties = append(properties, pair{k.name, k.schema()})
		if k.required {
			required = append(required, k.name)
		}
	}
	o := ordered{{"type", "object"}, {"additionalProperties", false}}
	if len(required) > 0 {
		o = append(o, pair{"required", required})
	}
	return append(o, pair{"properties", properties})
}

// schema is the rule's schema with the key's description and default.
func (k key) schema() ordered {
	doc := k.doc
	if k.computed != "" {
		doc += " Default: " + k.computed + "."
	}
	o := ordered{}
	if doc != "" {
		o = append(o, pair{"description", doc})
	}
	if k.def != nil {
		o = append(o, pair{"default", k.def})
	}
	return append(o, k.rule.schema()...)
}

func (r *rule) schema() ordered {
	switch r.kind {
	case boolean:
		return ordered{{"type", "boolean"}}
	case integer, number:
		o := ordered{{"type", map[kind]string{integer: "integer", number: "number"}[r.kind]}}
		if r.min != nil {
			o = append(o, pair{map[bool]string{false: "minimum", true: "exclusiveMinimum"}[r.above], r.min})
		}
		if r.max != nil {
			o = append(o, pair{"maximum", r.max})
		}
		return o
	case text:
		return r.textSchema()
	case list:
		return ordered{{"type", "array"}, {"minItems", 1}, {"items", r.elem.schema()}}
	case object:
		return objectSchema(r.fields)
	case limits:
		properties := ordered{}
		for _, m := range metrics() {
			properties = append(properties, pair{m.name, ordered{{"description", m.doc}, {"type", "number"},
				{"minimum", 0}}})
		}
		return ordered{{"type", "object"}, {"additionalProperties", false}, {"properties", properties}}
	case commands:
		return ordered{{"type", "object"}}
	case sweep:
		return sweepSchema(r.fields)
	case texts:
		return ordered{{"type", "object"}, {"additionalProperties", ordered{{"type", "string"}}}}
	case bodies:
		return bodySchema()
	case oneBody:
		return ordered{{"anyOf", []ordered{{{"type", "string"}, {"minLength", 1}}, {{"type", "object"}}}}}
	case statuses:
		return ordered{{"anyOf", []ordered{r.elem.schema(), {{"type", "array"}, {"minItems", 1},
			{"items", r.elem.schema()}}}}}
	case answers:
		return answerSchema()
	}
	return ordered{{"type", "array"}, {"minItems", 1}, {"items", ordered{{"$ref", "#/$defs/subExperiment"}}}}
}

func (r *rule) textSchema() ordered {
	o := ordered{{"type", "string"}}
	switch {
	case r.enum != nil && r.pattern != "":
		return append(o, pair{"anyOf", []ordered{{{"enum", r.enum}}, {{"pattern", r.pattern}}}})
	case r.enum != nil:
		return append(o, pair{"enum", append(slices.Clone(r.enum), sortedKeys(r.synonyms)...)})
	case !r.blank:
		return append(o, pair{"minLength", 1})
	}
	return o
}

// sweepSchema allows each sweepable key an array of its values.
func sweepSchema(keys []key) ordered {
	properties := ordered{}
	for _, k := range keys {
		if !k.unswept {
			properties = append(properties, pair{k.name, ordered{
				{"type", "array"}, {"minItems", 1}, {"uniqueItems", true}, {"items", k.rule.schema()}}})
		}
	}
	return ordered{{"type", "object"}, {"additionalProperties", false}, {"minProperties", 1},
		{"properties", properties}}
}
