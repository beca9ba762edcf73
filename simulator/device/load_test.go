package device

import (
	"os"
	"testing"
)

func TestTutorialLoads(t *testing.T) {
	source, err := os.ReadFile("../../workflows/simulator.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fleet, problems := Load("simulator.yaml", source)
	if problems != nil {
		t.Fatal(problems.Text())
	}
	for _, d := range fleet.Devices {
		t.Log(d.ID, d.Profile.Name, d.Tags, d.Profile.Methods(), fleet.Transport)
	}
}
