package engine

// An Address names one instance of a step inside a run: "rollout[3]/reboot#2" is the second
// attempt of step reboot for the fourth item of the loop rollout.
type Address string
