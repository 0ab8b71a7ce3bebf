package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// What a run changes of a function that exists is noted in the function itself, in the update that makes the change:
// which run it is, what memory and timeout were and are, and of each changed variable the value of before. So there is
// no moment in which a change is made and not noted, no value of a variable is in a file of this machine, and a change
// by somebody else is told from the run's own.
const (
	// markVariable holds a mark.
	markVariable = "STELLAR_CHANGED_BY"
	// savedPrefix begins the names of variables that hold the value of before of another variable: a hash of the value
	// that the run gave it, and behind an equals sign the value of before, if there was one.
	savedPrefix = "STELLAR_WAS_"
)

// variablesLimit is how many bytes the names and values of all variables may have (Lambda's limits, see limits).
const variablesLimit = 4096

// mark is what a run notes in a function that exists.
type mark struct {
	run                   string // its id
	wasMemory, wasTimeout int    // before the run, in MB and seconds
	memory, timeout       int    // as the run has set them
}

func (m mark) String() string {
	return fmt.Sprintf("%s memory=%d/%d timeout=%d/%d", m.run, m.wasMemory, m.memory, m.wasTimeout, m.timeout)
}

// markOf reads the mark of a function; false where it has none.
func markOf(is *lambda.GetFunctionConfigurationOutput) (m mark, marked bool) {
	if is.Environment == nil {
		return m, false
	}
	text, marked := is.Environment.Variables[markVariable]
	if !marked {
		return m, false
	}
	if _, err := fmt.Sscanf(text, "%s memory=%d/%d timeout=%d/%d", &m.run, &m.wasMemory, &m.memory, &m.wasTimeout,
		&m.timeout); err != nil {
		return mark{run: text}, true // not of this version: it is left alone
	}
	return m, true
}

// fingerprint tells one value of a variable from another.
func fingerprint(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:6])
}

// anyValue is the fingerprint of a variable whose values the run changes again and again.
const anyValue = "any"

// putBack takes the run's changes out of a function's variables. kept names those that somebody else has changed since:
// they stay.
func putBack(variables map[string]string) (original map[string]string, kept []string) {
	original = maps.Clone(variables)
	delete(original, markVariable)
	for _, saved := range slices.Sorted(maps.Keys(variables)) {
		name, is := strings.CutPrefix(saved, savedPrefix)
		if !is {
			continue
		}
		delete(original, saved)
		given, was, had := strings.Cut(variables[saved], "=")
		now, set := variables[name]
		switch {
		case given != anyValue && (!set || fingerprint(now) != given):
			kept = append(kept, name)
		case had:
			original[name] = was
		default:
			delete(original, name)
		}
	}
	return original, kept
}

// save notes in variables that the run gives one of them another value; fingerprint is that of the new one.
func save(variables map[string]string, name, fingerprint string) {
	note := fingerprint
	if was, had := variables[name]; had {
		note += "=" + was
	}
	variables[savedPrefix+name] = note
}

// changeInput is the update that configures a function as it was before the run, but for what is wanted.
func changeInput(now *lambda.GetFunctionConfigurationOutput, run string, want provider.Wanted) (
	*lambda.UpdateFunctionConfigurationInput, error) {
	name := aws.ToString(now.FunctionName)
	variables, err := variablesOf(now)
	if err != nil {
		return nil, err
	}
	m, marked := markOf(now)
	if !marked {
		m = mark{run: run, wasMemory: int(aws.ToInt32(now.MemorySize)), wasTimeout: int(aws.ToInt32(now.Timeout))}
	}
	original, kept := putBack(variables)
	switch {
	case m.run != run:
		return nil, fail.Input("function %s is configured by run %s at the moment", name, m.run).
			WithHint("wait until that run has ended; if it was killed, `stellar clean` puts the configuration back")
	case marked && (m.memory != int(aws.ToInt32(now.MemorySize)) || m.timeout != int(aws.ToInt32(now.Timeout)) ||
		len(kept) > 0):
		return nil, fail.Input("function %s: somebody else has changed what the run has configured: memory %d MB, "+
			"timeout %d s, variables %s", name, aws.ToInt32(now.MemorySize), aws.ToInt32(now.Timeout),
			strings.Join(kept, ", "))
	}
	m.memory, m.timeout = m.wasMemory, m.wasTimeout
	if want.MemoryMB != 0 {
		m.memory = want.MemoryMB
	}
	if want.TimeoutSeconds != 0 {
		m.timeout = want.TimeoutSeconds
	}
	changed := maps.Clone(original)
	save(changed, provider.ColdVariable, anyValue)
	for variable, value := range want.Env {
		save(changed, variable, fingerprint(value))
		changed[variable] = value
	}
	changed[markVariable] = m.String()
	if n := sizeOf(changed); n > variablesLimit {
		return nil, fail.Input("function %s: its variables, those of the experiment and the notes by which they are "+
			"put back have %d bytes; Lambda takes %d", name, n, variablesLimit).WithHint("want a shorter Environment")
	}
	return &lambda.UpdateFunctionConfigurationInput{FunctionName: &name, RevisionId: now.RevisionId,
		MemorySize: aws.Int32(int32(m.memory)), Timeout: aws.Int32(int32(m.timeout)),
		Environment: &lambdatypes.Environment{Variables: changed}}, nil
}

// sizeOf is the length of variables as Lambda measures it, of their JSON.
func sizeOf(variables map[string]string) int {
	text, err := json.Marshal(variables)
	if err != nil {
		return 0 // not reached: a map of strings always encodes
	}
	return len(text)
}

// Original gives the configuration of a function before a run changes it.
func (a *connection) Original(ctx context.Context, e provider.Endpoint, run string) (map[string]string, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	is, err := s.ready(ctx, e.Detail[provider.DetailName])
	if err != nil {
		return nil, err
	}
	hash, err := configurationHash(is)
	return map[string]string{wasRun: run, provider.WasHash: hash,
		wasMemory:  strconv.Itoa(int(aws.ToInt32(is.MemorySize))),
		wasTimeout: strconv.Itoa(int(aws.ToInt32(is.Timeout)))}, err
}

// Keys of what Original gives, beside provider.WasHash.
const (
	wasRun     = "changedBy"
	wasMemory  = "wasMemoryMB"
	wasTimeout = "wasTimeoutSeconds"
)

// Change configures a function that exists.
func (a *connection) Change(ctx context.Context, e provider.Endpoint, was map[string]string,
	want provider.Wanted) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.Patience.Command)
	defer cancel()
	name := e.Detail[provider.DetailName]
	_, _, err = s.update(ctx, name, func(now *lambda.GetFunctionConfigurationOutput) (
		*lambda.UpdateFunctionConfigurationInput, error) {
		if _, marked := markOf(now); !marked {
			if hash, err := configurationHash(now); err != nil || hash != was[provider.WasHash] {
				return nil, fail.Input("function %s: somebody else has changed its configuration since the run has "+
					"read it; nothing was changed", name).WithHint("run again")
			}
		}
		return changeInput(now, was[wasRun], want)
	})
	return err
}

// restoreExisting puts back what a run has changed of a function that exists.
func (s *session) restoreExisting(ctx context.Context, was map[string]string) error {
	name := was[provider.DetailName]
	var others []string // what somebody else has changed
	marked := false
	_, after, err := s.update(ctx, name, func(now *lambda.GetFunctionConfigurationOutput) (
		in *lambda.UpdateFunctionConfigurationInput, err error) {
		in, others, marked, err = restoreInput(now, was[wasRun])
		return in, err
	})
	if err != nil {
		return err
	}
	hash, err := configurationHash(after)
	switch {
	case err != nil:
		return err
	case len(others) > 0:
		s.Log.Warnf("function %s: somebody else has changed %s during the run: that is left as it is, and all else "+
			"that the run has changed is put back", name, strings.Join(others, ", "))
	case hash != was[provider.WasHash] && !marked:
		s.Log.Warnf("function %s: its variables do not say that run %s has changed it; it is left as it is, with %d "+
			"MB and a timeout of %d s; before the run it had %s MB and %s s", name, was[wasRun],
			aws.ToInt32(after.MemorySize), aws.ToInt32(after.Timeout), was[wasMemory], was[wasTimeout])
	case hash != was[provider.WasHash]:
		s.Log.Warnf("function %s: what the run has changed is put back; others have changed the rest of its "+
			"configuration during the run, which is left as it is", name)
	}
	return nil
}

// restoreInput is the update that puts a function's configuration back. others names what somebody else has changed.
// A function without the run's mark is updated to what it is: what Lambda shows may be older than the run's last
// update, and only an update tells.
func restoreInput(now *lambda.GetFunctionConfigurationOutput, run string) (in *lambda.UpdateFunctionConfigurationInput,
	others []string, marked bool, err error) {
	name := aws.ToString(now.FunctionName)
	in = &lambda.UpdateFunctionConfigurationInput{FunctionName: &name, RevisionId: now.RevisionId,
		MemorySize: now.MemorySize, Timeout: now.Timeout}
	m, marked := markOf(now)
	if !marked || m.run != run {
		return in, nil, false, nil
	}
	variables, err := variablesOf(now)
	if err != nil {
		return nil, nil, true, err
	}
	original, kept := putBack(variables)
	if int(aws.ToInt32(now.MemorySize)) == m.memory {
		in.MemorySize = aws.Int32(int32(m.wasMemory))
	} else {
		others = append(others, fmt.Sprintf("the memory to %d MB", aws.ToInt32(now.MemorySize)))
	}
	if int(aws.ToInt32(now.Timeout)) == m.timeout {
		in.Timeout = aws.Int32(int32(m.wasTimeout))
	} else {
		others = append(others, fmt.Sprintf("the timeout to %d s", aws.ToInt32(now.Timeout)))
	}
	for _, variable := range kept {
		others = append(others, "the variable "+variable)
	}
	in.Environment = &lambdatypes.Environment{Variables: original}
	return in, others, true, nil
}
