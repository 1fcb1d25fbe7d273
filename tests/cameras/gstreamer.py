"""Runs GStreamer's RTSP server with the requested video, transport and authentication. Prints its port."""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

video, transport, way, password = sys.argv[1:5]
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_service("0")
server.set_address("127.0.0.1")
source = "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=192,framerate=25/1"
packed = {
    "h264": "openh264enc gop-size=25 ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96",
    "aggregated": "openh264enc gop-size=25 ! h264parse ! rtph264pay name=pay0 pt=96 aggregate-mode=zero-latency config-interval=-1",
    "jpeg": "jpegenc ! rtpjpegpay name=pay0",
}[video]
sound = "audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay1 pt=8"
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(f"( {source} ! {packed} {sound} )")
transports = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}
factory.set_protocols(transports.get(transport, transports["tcp"] | transports["udp"]))
if way != "none":
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("user", "media.factory.access", True)
    permissions.add_permission_for_role("user", "media.factory.construct", True)
    factory.set_permissions(permissions)
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if way == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest("admin", password, token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic("admin", password), token)
    server.set_auth(auth)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
