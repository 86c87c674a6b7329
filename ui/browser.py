def theme_toggle(key, words): pass
def copy_link(key, words): pass
