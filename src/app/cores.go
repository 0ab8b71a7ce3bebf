package app

import "github.com/vhive-serverless/STeLLAR/src/machine"

// Cores are processors of this machine, see Options.ClientCores.
type Cores = machine.Cores

// ParseCores reads the cores that the client is to have to itself: 0 or 0-1,4. This process must be allowed to use
// them, and others beside them.
func ParseCores(text string) (Cores, error) {
	cores, err := machine.ParseCores(text)
	if err != nil {
		return nil, err
	}
	if _, err := cores.Beside(); err != nil {
		return nil, err
	}
	return cores, nil
}
