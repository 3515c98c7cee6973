// eKuiper's server, unchanged: its own main package cannot be built from
// outside its module, because replacements are not inherited.
package main

import "github.com/lf-edge/ekuiper/v2/cmd"

func main() {
	cmd.Main()
}
