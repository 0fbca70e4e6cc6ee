"use strict";
// The last script of the report: every view is registered.
mmbench.start();
