pytest_plugins = ["mod_python.testing"]
