"""The tasks that come with mmbench. The harness finds them through entry points, like any third party's."""
