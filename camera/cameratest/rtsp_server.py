"""A real RTSP server for tests, by GStreamer.

usage: rtsp_server.py PORT WIDTH HEIGHT FPS CODEC USER PASSWORD FILE

PORT 0 takes a free one. CODEC is h264 or h265. USER may be empty: no
authentication. FILE may be empty: a moving test pattern. Prints the port on
standard output when it listens, and ends when its standard input does.
"""
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def pipeline(width, height, fps, codec, file):
    encoder, payloader = {
        "h264": ("x264enc tune=zerolatency speed-preset=ultrafast bitrate=2000", "rtph264pay"),
        "h265": ("x265enc tune=zerolatency speed-preset=ultrafast bitrate=2000", "rtph265pay"),
    }[codec]
    if file:
        source = 'filesrc location="%s" ! decodebin ! videoconvert ! videoscale ! videorate' % file
    else:
        source = "videotestsrc is-live=true pattern=smpte ! timeoverlay"
        if Gst.ElementFactory.find("timeoverlay") is None:
            source = "videotestsrc is-live=true pattern=ball"
    return (
        "( %s ! video/x-raw,width=%d,height=%d,framerate=%d/1 ! videoconvert ! video/x-raw,format=I420"
        " ! %s key-int-max=%d ! %s name=pay0 pt=96 config-interval=1 )"
        % (source, width, height, fps, encoder, fps, payloader)
    )


def main():
    port, width, height, fps, codec, user, password, file = sys.argv[1:9]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(pipeline(int(width), int(height), int(fps), codec, file))
    factory.set_shared(True)
    if user:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
        server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("user", "media.factory.access", True)
        permissions.add_permission_for_role("user", "media.factory.construct", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/camera", factory)
    if server.attach(None) == 0:
        sys.exit("the port cannot be had")
    loop = GLib.MainLoop()

    def end_with_parent():
        sys.stdin.read()
        GLib.idle_add(loop.quit)

    threading.Thread(target=end_with_parent, daemon=True).start()
    print(server.get_bound_port(), flush=True)
    loop.run()


main()
