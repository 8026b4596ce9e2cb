package main

import _ "tally.internal/xk6-tally" // registers k6/x/tally
