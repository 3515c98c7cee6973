#!/bin/sh
# eKuiper runs this in the plugin's directory when it installs the plugin.
python3 -m pip install -r requirements.txt
